import { expect } from 'chai'
import { isStoreUnavailable, type Store, type StoreEngine } from '../../src/store.ts'
import { createCipher, keyIdOf } from '../../src/stores/cipher.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { rotateSecret } from '../../src/stores/reseal.ts'
import { Ring } from '../../src/stores/ring.ts'
import { SealBroken, sealStore } from '../../src/stores/seal.ts'
import { temporaryFolder } from './support.ts'

const OLD = 'the old secret of the tests, thirty-two characters or more'
const NEW = 'the new secret of the tests, thirty-two characters or more'
const NEWEST = 'the newest secret of the tests, thirty-two characters too'

describe('the rotation of the secret', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: StoreEngine

  beforeEach(async () => {
    folder = await temporaryFolder()
    engine = await openEmbeddedStore({ path: folder.path })
  })

  afterEach(async () => {
    await engine.close()
    await folder.remove()
  })

  const open = async (secret: string, ...previousSecrets: string[]): Promise<[Store, Ring]> => {
    const ring = await Ring.open(engine, { secret, previousSecrets })
    return [sealStore(engine, ring), ring]
  }
  const refusal = (secret: string, ...previousSecrets: string[]) =>
    open(secret, ...previousSecrets).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    )
  const fill = async (store: Store, from: number, to: number) => {
    for (let n = from; n < to; n++) {
      await store.put({ kind: 'Token', id: `${n}`, payload: `payload ${n}`, grantId: 'g', uid: `u${n}` }, 'insert')
    }
  }
  const keyIds = async () => {
    const ids = new Set<string | undefined>()
    let after: string | undefined
    do {
      const page = await engine.scan({ limit: 500, ...(after === undefined ? {} : { after }) })
      for (const row of page.rows) ids.add(keyIdOf(row.payload))
      after = page.next
    } while (after !== undefined)
    return ids
  }
  const rotate = (ring: Ring) => rotateSecret(engine, ring, () => undefined, 20)

  it('writes with the old secret until it is asked to rotate, so that servers without the new one can read', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 2)
    const [both] = await open(NEW, OLD)
    await fill(both, 2, 4)
    for (let n = 0; n < 4; n++) expect((await old.get('Token', `${n}`))?.payload).to.equal(`payload ${n}`)
    expect((await keyIds()).size).to.equal(1)
  })

  it('seals everything anew, and the old secret opens nothing afterwards', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 1200)
    await old.consume('Token', '7')
    const before = (await engine.scan({ limit: 1000 })).rows.map(({ id }) => id).sort()
    const [store, ring] = await open(NEW, OLD)
    const seen: number[] = []
    const { resealed, broken } = await rotateSecret(engine, ring, (progress) => seen.push(progress.seen), 20)
    expect({ resealed, broken }).to.deep.equal({ resealed: 1200, broken: 0 })
    expect(seen.slice(0, 3)).to.deep.equal([500, 1000, 1201])
    expect([...(await keyIds())]).to.deep.equal([ring.writer.keyId])
    const [alone] = await open(NEW)
    for (const each of [store, alone]) {
      expect((await each.get('Token', '7'))?.consumedAt).to.be.a('number')
      expect((await each.find('Token', 'uid', 'u1199'))?.payload).to.equal('payload 1199')
      expect(await each.consume('Token', '7')).to.equal('refused')
    }
    expect((await engine.scan({ limit: 1000 })).rows.map(({ id }) => id).sort()).to.deep.equal(before)
    await alone.deleteGrant('g')
    expect(await alone.count('Token')).to.equal(0)
    expect(await refusal(OLD)).to.match(/^secret: the data in the store was sealed with another secret/)
  })

  it('is noticed by servers that run, and catches what they wrote before they noticed', async () => {
    const [store, ring] = await open(OLD)
    await fill(store, 0, 3)
    const [late, lateRing] = await open(NEW, OLD)
    const [, commandRing] = await open(NEW, OLD)
    expect(lateRing.secrets).to.deep.equal([OLD, NEW])
    let written = false
    await rotateSecret(
      engine,
      commandRing,
      () => {
        if (written) return
        written = true
        // Its row comes after the pass that is under way.
        void late.put({ kind: 'Late', id: 'x', payload: 'late' }, 'insert')
      },
      20,
    )
    expect(await lateRing.notice()).to.equal('current')
    expect(lateRing.secrets).to.deep.equal([NEW, OLD])
    expect([...(await keyIds())]).to.deep.equal([commandRing.writer.keyId])
    expect((await late.get('Late', 'x'))?.payload).to.equal('late')
    // One that was never given the new secret says so, and writes nothing that would be lost.
    expect(await ring.notice()).to.equal('unknown')
    for (const refused of [store.put({ kind: 'A', id: 'x', payload: '' }, 'insert'), store.ping()]) {
      expect(isStoreUnavailable(await refused.catch((error: unknown) => error))).to.equal(true)
    }
    // Nor does it read what it cannot open as absent or as a defect.
    expect(isStoreUnavailable(await store.get('Token', '0').catch((error: unknown) => error))).to.equal(true)
  })

  it('is looked for before a write by a process that could not look for a while', async () => {
    await open(OLD)
    const [, commandRing] = await open(NEW, OLD)
    const absent = sealStore(engine, await Ring.open(engine, { secret: NEW, previousSecrets: [OLD] }, 0))
    await rotate(commandRing)
    await absent.put({ kind: 'Late', id: 'x', payload: 'late' }, 'insert')
    expect([...(await keyIds())]).to.deep.equal([commandRing.writer.keyId])
  })

  it('seals what was left behind when it is run once more', async () => {
    const [late] = await open(OLD)
    const [, ring] = await open(NEW, OLD)
    await rotate(ring)
    // A write that the network held back until now.
    await late.put({ kind: 'Late', id: 'x', payload: 'late' }, 'insert')
    const [without] = await open(NEW)
    expect(isStoreUnavailable(await without.get('Late', 'x').catch((error: unknown) => error))).to.equal(true)
    const [, again] = await open(NEW, OLD)
    expect((await rotate(again)).resealed).to.equal(1)
    expect((await without.get('Late', 'x'))?.payload).to.equal('late')
  })

  it('goes on where it was cut short, and a server is not started without the secret it still needs', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 600)
    const [store, ring] = await open(NEW, OLD)
    const cut = await rotateSecret(
      engine,
      ring,
      () => {
        throw new Error('killed')
      },
      20,
    ).catch((error: unknown) => (error as Error).message)
    expect(cut).to.equal('killed')
    expect((await keyIds()).size).to.equal(2)
    for (const n of [0, 599]) expect((await store.get('Token', `${n}`))?.payload).to.equal(`payload ${n}`)
    expect(await refusal(NEW)).to.match(/^previousSecrets: some data is still sealed with an earlier secret/)
    const [, again] = await open(NEW, OLD)
    expect((await rotate(again)).resealed).to.equal(101)
    expect(await refusal(NEW)).to.equal(undefined)
    expect((await rotate(again)).resealed).to.equal(0)
  })

  it('works a second time, and from a rotation that was never finished', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 3)
    const [, first] = await open(NEW, OLD)
    await first.rotate()
    const [both, second] = await open(NEWEST, NEW, OLD)
    await fill(both, 3, 6)
    expect((await rotate(second)).resealed).to.equal(6)
    const [last] = await open(NEWEST)
    for (let n = 0; n < 6; n++) expect((await last.get('Token', `${n}`))?.payload).to.equal(`payload ${n}`)
  })

  it('leaves damaged records as they are and says how many', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 3)
    const [row] = (await engine.scan({ limit: 10 })).rows.filter(({ kind }) => kind === 'Token')
    await engine.swap('Token', row?.id ?? '', row?.payload ?? '', 'damaged')
    const [, ring] = await open(NEW, OLD)
    expect(await rotate(ring)).to.deep.equal({ resealed: 2, broken: 1 })
  })

  it('is refused to the second of two that run at once', async () => {
    await open(OLD)
    const [[, one], [, two]] = await Promise.all([open(NEW, OLD), open(NEWEST, OLD)])
    const answers = await Promise.allSettled([one.rotate(), two.rotate()])
    const refused = answers.filter((each) => each.status === 'rejected')
    expect(refused).to.have.length(1)
    expect((refused[0] as PromiseRejectedResult).reason.message).to.match(/^Another process rotates/)
  })

  it('does not let a row of one secret pass for one of another', async () => {
    const [old] = await open(OLD)
    await fill(old, 0, 1)
    const [store, ring] = await open(NEW, OLD)
    const [row] = (await engine.scan({ limit: 10 })).rows.filter(({ kind }) => kind === 'Token')
    const relabelled = row?.payload.replace(ring.writer.keyId, createCipher(NEW).keyId) ?? ''
    await engine.swap('Token', row?.id ?? '', row?.payload ?? '', relabelled)
    const error = await store.get('Token', '0').catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(SealBroken)
  })
})
