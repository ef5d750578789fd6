import { expect } from 'chai'
import { openSecrets, type Secrets } from '../../src/idp/secrets.ts'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { temporaryFolder, withSeal } from '../stores/support.ts'

describe('what is known of a user at the IdP', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: StoreEngine
  let secrets: Secrets
  let later = 0

  beforeEach(async () => {
    folder = await temporaryFolder()
    engine = await openEmbeddedStore({ path: folder.path })
    const store = await withSeal(engine, 'a secret of the tests, thirty-two characters or more')
    const began = Date.now()
    later = 0
    secrets = openSecrets(store, store, 60_000, () => began + later)
  })
  afterEach(async () => {
    await engine.close()
    await folder.remove()
  })

  const signIn = async (secret: string) => {
    await secrets.begin('account', 'idp', { subject: 'ada', claims: {}, secret })
    const known = await secrets.fresh('account')
    if (!known) throw new Error('nothing is known')
    return known
  }

  it('is not forgotten for the end of an earlier sign-in', async () => {
    const before = await signIn('first')
    await signIn('second')
    await secrets.forget('account', before.standing.signIn)
    const known = await secrets.fresh('account')
    expect(known?.standing.secret).to.equal('second')
    await secrets.forget('account', known?.standing.signIn ?? '')
    expect(await secrets.fresh('account')).to.equal(undefined)
  })

  it('outlives a sign-in without a secret, for as long as what that one granted', async () => {
    const before = await signIn('first')
    later = 30_000
    await secrets.begin('account', 'idp', { subject: 'ada', claims: { name: 'Ada King' } })
    const known = await secrets.fresh('account')
    // Under the same `signIn`: a check that is under way may hold the secret that is good from now on.
    expect(known?.standing).to.deep.include({
      signIn: before.standing.signIn,
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
})
