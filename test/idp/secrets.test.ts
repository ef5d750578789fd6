import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openSecrets, SECRET_KIND, type Secrets } from '../../src/idp/secrets.ts'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { asOneRequest, patient } from '../../src/stores/patience.ts'
import { SealBroken, type SealedStore } from '../../src/stores/seal.ts'
import { temporaryFolder, withSeal } from '../stores/support.ts'

const LIFETIME = 2 * 3_600_000
const PENDING = 900_000

describe('what is known of a user at the IdP', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: StoreEngine
  let sealed: SealedStore
  let secrets: Secrets
  let later = 0

  beforeEach(async () => {
    folder = await temporaryFolder()
    engine = await openEmbeddedStore({ path: folder.path })
    const store = await withSeal(engine, 'a secret of the tests, thirty-two characters or more')
    const began = Date.now()
    later = 0
    sealed = store
    secrets = openSecrets({
      store: patient(store),
      reads: store,
      lifetime: LIFETIME,
      damaged: (_account, error) => error instanceof SealBroken,
      apart: asOneRequest,
      now: () => began + later,
    })
  })
  afterEach(async () => {
    await engine.close()
    await folder.remove()
  })

  const begin = (secret?: string, refreshes = true) => {
    const identity = { subject: 'ada', claims: { name: 'Ada King' }, ...(secret === undefined ? {} : { secret }) }
    return secrets.begin('account', 'idp', identity, refreshes)
  }
  const keep = (signedInAt = Date.now()) =>
    secrets.keep('account', { idp: 'idp', subject: 'ada', claims: { name: 'Ada King' }, signedInAt })
  const signIn = async (secret: string) => {
    await begin(secret)
    const known = await secrets.fresh('account')
    if (!known) throw new Error('nothing is known')
    return known
  }

  it('is not forgotten for the end of an earlier sign-in', async () => {
    const before = await signIn('first')
    await signIn('second')
    await secrets.forget('account', before.standing.signIn)
    const second = await secrets.fresh('account')
    expect(second?.standing.secret).to.equal('second')
    // Nor when the next one has only the secret of that.
    await begin()
    await secrets.forget('account', second?.standing.signIn ?? '')
    const known = await secrets.fresh('account')
    expect(known?.standing.secret).to.equal('second')
    await secrets.forget('account', known?.standing.signIn ?? '')
    expect(await secrets.fresh('account')).to.equal(undefined)
  })

  it('is not forgotten either when the request that asked has hardly any time left', async () => {
    const { signIn: first } = (await signIn('first')).standing
    await signIn('second')
    const { take, put } = sealed
    sealed.take = async (kind, id) => {
      await sleep(2300)
      return take(kind, id)
    }
    sealed.put = async (record, mode, until) => {
      await sleep(300)
      return put(record, mode, until)
    }
    await asOneRequest(() => secrets.forget('account', first))
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('second')
  })

  it('outlives a sign-in without a secret', async () => {
    const before = await signIn('first')
    later = 30_000
    await begin()
    const known = await secrets.fresh('account')
    // As brought by the same one: a check that is under way may hold the secret that is good from now on.
    expect(known?.standing).to.deep.include({
      broughtBy: before.standing.signIn,
      secret: 'first',
      claims: { name: 'Ada King' },
      goodAt: before.standing.goodAt + 30_000,
    })
    expect(known?.record.expiresAt).to.equal((before.record.expiresAt ?? 0) + 30_000)
  })

  it('is not changed by who read it before a new sign-in, nor brought back after its end', async () => {
    const before = await signIn('first')
    const now = await signIn('second')
    expect(await secrets.change(before, { ...before.standing, secret: 'rotated' })).to.equal(undefined)
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('second')
    await secrets.forget('account', now.standing.signIn)
    expect(await secrets.change(now, now.standing)).to.equal(undefined)
    expect(await secrets.fresh('account')).to.equal(undefined)
  })

  it('is not lost to a sign-in without a secret, whoever renews it at that moment', async () => {
    const before = await signIn('first')
    const get = sealed.get.bind(sealed)
    sealed.get = async (kind, id) => {
      const read = await get(kind, id)
      sealed.get = get
      await secrets.settle(before, { ...before.standing, secret: 'renewed' })
      return read
    }
    await begin()
    const known = await secrets.fresh('account')
    expect(known?.standing).to.deep.include({ broughtBy: before.standing.signIn, secret: 'renewed' })
  })

  it('is nothing when the client of the sign-in can never use it, unless another one does', async () => {
    await begin('first', false)
    expect(await secrets.fresh('account')).to.equal(undefined)
    await signIn('second')
    await begin('third', false)
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('third')
  })

  it('is kept shortly until the code is used, and then as long as a refresh token can live', async () => {
    const began = await signIn('first')
    const start = began.standing.goodAt
    expect(began.record.expiresAt).to.equal(start + PENDING)
    await keep()
    const kept = await secrets.fresh('account')
    expect(kept?.standing).to.deep.equal(began.standing)
    expect(kept?.record.expiresAt).to.be.within(start + LIFETIME, start + 1.25 * LIFETIME)
    // A code that nobody uses does not take it from those who have one.
    await signIn('second')
    expect((await secrets.fresh('account'))?.record.expiresAt).to.equal(kept?.record.expiresAt)
  })

  it('is a sign-in of then, without a secret, where nothing is known when its code is used', async () => {
    const signedInAt = Date.now() - 50_000
    await keep(signedInAt)
    const known = await secrets.fresh('account')
    expect(known?.standing).to.deep.include({ idp: 'idp', subject: 'ada', goodAt: signedInAt })
    expect(known?.standing).to.not.have.property('secret')
    expect(known?.record.expiresAt).to.be.at.least(signedInAt + LIFETIME)
  })

  it('lives on with every good check, and its end is written a few times only', async () => {
    await signIn('first')
    await keep()
    const ends = new Set<number | undefined>()
    for (let check = 1; check <= 40; check += 1) {
      later = check * (LIFETIME / 40)
      const known = await secrets.fresh('account')
      if (!known) throw new Error('the record is gone')
      const goodAt = known.standing.goodAt + LIFETIME / 40
      expect(await secrets.settle(known, { ...known.standing, goodAt })).to.equal(true)
      const { record } = (await secrets.fresh('account')) ?? {}
      expect(record?.expiresAt).to.be.at.least(goodAt + LIFETIME)
      ends.add(record?.expiresAt)
    }
    expect(ends.size).to.be.within(6, 10)
    // A check without an answer makes it live no longer.
    const known = await secrets.fresh('account')
    if (!known) throw new Error('the record is gone')
    later += LIFETIME / 2
    await secrets.settle(known, { ...known.standing, failures: 1 })
    expect((await secrets.fresh('account'))?.record.expiresAt).to.equal(known.record.expiresAt)
  })

  it('gets a new end without losing what others write at that moment', async () => {
    const before = await signIn('first')
    const put = sealed.put.bind(sealed)
    let others: Promise<unknown> | undefined
    sealed.put = async (record, mode) => {
      sealed.put = put
      others = begin('second')
      expect(await secrets.change(before, { ...before.standing, secret: 'lost' })).to.equal(undefined)
      return put(record, mode)
    }
    await keep()
    await others
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('second')
    expect((await secrets.fresh('account'))?.record.expiresAt).to.be.at.least(before.standing.goodAt + LIFETIME)
  })

  it('and without losing it to a clock that is behind', async () => {
    await signIn('first')
    const put = sealed.put.bind(sealed)
    let others: Promise<unknown> | undefined
    sealed.put = async (record, mode) => {
      sealed.put = put
      // As seen by a machine whose clock is twelve seconds ahead.
      later = 12_000
      others = begin('second')
      await sleep(200)
      return put(record, mode)
    }
    await keep()
    await others
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('second')
  })

  it('is not kept from others by a process that died while it gave it a new end', async () => {
    await signIn('first')
    const { put } = sealed
    sealed.put = () => Promise.reject(new Error('the process died'))
    await keep().catch(() => undefined)
    sealed.put = put
    later = 17_001
    await keep()
    const known = await secrets.fresh('account')
    expect(known?.standing).to.include({ secret: 'first' }).and.not.have.property('heldUntil')
  })

  it('is nothing when the record is damaged, which is in nobody’s way', async () => {
    await signIn('first')
    const [row] = (await engine.list({ kind: SECRET_KIND, limit: 1 })).records
    if (!row) throw new Error('no record')
    const damage = () => engine.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'upsert')
    await damage()
    expect(await secrets.fresh('account')).to.equal(undefined)
    await damage()
    await secrets.forget('account', 'one')
    await damage()
    expect((await signIn('second')).standing.secret).to.equal('second')
  })
})
