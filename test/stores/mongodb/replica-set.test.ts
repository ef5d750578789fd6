import { expect } from 'chai'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { database, type TestDatabase } from '../../support/mongo.ts'
import { secondaries, stepDown, whileLocked } from '../../support/replica-set.ts'
import { engineHere, needsReplicaSet } from './support.ts'

/** Milliseconds that a request may wait for a database without a primary. */
const PATIENCE = 3000

describe('a MongoDB replica set', function () {
  this.timeout(120_000)
  needsReplicaSet(3)

  let db: TestDatabase
  let store: StoreEngine

  beforeEach(async () => {
    db = database(await engineHere())
    await migrateMongo({ url: db.url })
    store = await openMongoStore({ url: db.url })
  })
  afterEach(async () => {
    await store.close()
    await db.drop()
  })

  /** Resolves when writes are acknowledged again. */
  async function expectBack(): Promise<void> {
    const deadline = performance.now() + 30_000
    while ((await store.ping().catch(() => 'away')) === 'away') {
      if (performance.now() > deadline) throw new Error('there is no primary again')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  it('loses nothing that was acknowledged, and spends nothing twice, when its primary steps down', async () => {
    const acknowledged: string[] = []
    const firsts: number[] = []
    let slowest = 0
    let stopped = false
    const writer = async (name: number) => {
      for (let n = 0; !stopped; n++) {
        const id = `${name}/${n}`
        const began = performance.now()
        const written = await store.put({ kind: 'A', id, payload: id }, 'insert').catch((error: unknown) => {
          expect(isStoreUnavailable(error)).to.equal(true)
          return false
        })
        slowest = Math.max(slowest, performance.now() - began)
        if (!written) continue
        acknowledged.push(id)
        const answers = await Promise.all([0, 1, 2].map(() => store.consume('A', id).catch(() => 'unavailable')))
        firsts.push(answers.filter((answer) => answer === 'first').length)
      }
    }
    const writers = Array.from({ length: 8 }, (_, name) => writer(name))
    for (let downs = 0; downs < 2; downs++) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      await stepDown(await engineHere())
      await expectBack()
    }
    stopped = true
    await Promise.all(writers)
    expect(slowest).to.be.below(PATIENCE)
    expect(acknowledged.length).to.be.above(100)
    expect(firsts.filter((count) => count > 1)).to.deep.equal([])
    for (const id of acknowledged) expect((await store.get('A', id))?.payload).to.equal(id)
  })

  it('goes on while one of its members is away', async () => {
    const [member = ''] = await secondaries(await engineHere())
    await whileLocked([member], async () => {
      expect(await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')).to.equal(true)
      expect(await store.consume('A', 'x')).to.equal('first')
    })
    expect(await store.consume('A', 'x')).to.equal('refused')
  })

  it('acknowledges nothing that its majority does not have, says so in time, and recovers', async () => {
    await whileLocked(await secondaries(await engineHere()), async () => {
      const began = performance.now()
      const error = await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert').catch((reason: unknown) => reason)
      expect(isStoreUnavailable(error)).to.equal(true)
      expect(performance.now() - began).to.be.below(PATIENCE)
    })
    await expectBack()
    expect(await store.put({ kind: 'A', id: 'y', payload: '' }, 'insert')).to.equal(true)
  })

  it('takes back what its majority learned of when nobody waited for it any more', async () => {
    await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')
    await whileLocked(await secondaries(await engineHere()), async () => {
      const error = await store.consume('A', 'x').catch((reason: unknown) => reason)
      expect(isStoreUnavailable(error)).to.equal(true)
    })
    await expectBack()
    const isSpent = async () => (await store.get('A', 'x'))?.consumedAt !== undefined
    for (let look = 0; look < 100 && (await isSpent()); look += 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await store.consume('A', 'x')).to.equal('first')
  })

  it('reads nothing that its majority does not have', async () => {
    const engine = await engineHere()
    await store.put({ kind: 'A', id: 'x', payload: 'acknowledged' }, 'insert')
    await whileLocked(await secondaries(engine), async () => {
      await store.put({ kind: 'A', id: 'x', payload: 'on the primary only' }, 'update').catch(() => undefined)
      expect((await store.get('A', 'x'))?.payload).to.equal('acknowledged')
    })
    await expectBack()
  })
})
