import { expect } from 'chai'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts'
import { engineHere, needsEngine, preparedDatabase } from './support.ts'

/** Milliseconds that a request may wait for a database that is away. */
const PATIENCE = 3000

describe('a MongoDB that is away', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let proxy: TcpProxy
  let store: StoreEngine

  beforeEach(async () => {
    db = await preparedDatabase()
    proxy = await tcpProxy(firstHost(db.url))
    store = await openMongoStore({ url: throughProxy(db.url, proxy.port) })
  })
  afterEach(async () => {
    proxy.restore()
    await store.close()
    await proxy.close()
    await db.drop()
  })

  const verbs = (id: string) => [
    () => store.put({ kind: 'A', id, payload: '' }, 'insert'),
    () => store.put({ kind: 'A', id, payload: '' }, 'upsert'),
    () => store.get('A', id),
    () => store.find('A', 'uid', id),
    () => store.consume('A', id, { within: 1000, times: 1 }),
    () => store.take('A', id),
    () => store.delete('A', id),
    () => store.deleteGrant(id),
    () => store.list({ kind: 'A', limit: 1 }),
    () => store.sweep(1),
    () => store.count('A'),
    () => store.scan({ limit: 1 }),
    () => store.restore([{ kind: 'A', id, payload: '' }]),
    () => store.swap('A', id, '', 'x'),
    () => store.size(),
    () => store.ping(),
  ]

  /** Calls every verb at once; each must say in time that the store is away. */
  async function expectAway(): Promise<void> {
    const began = performance.now()
    const outcomes = await Promise.allSettled(verbs('x').map((verb) => verb()))
    expect(performance.now() - began).to.be.below(PATIENCE)
    for (const [index, outcome] of outcomes.entries()) {
      const reason = outcome.status === 'rejected' ? outcome.reason : undefined
      expect(isStoreUnavailable(reason), `verb ${index}`).to.equal(true)
    }
  }

  async function expectBack(): Promise<void> {
    const deadline = performance.now() + 5000
    for (;;) {
      const error = await store.ping().catch((reason: unknown) => reason)
      if (error === undefined) return
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  for (const [what, happen] of Object.entries({
    'refuses connections': () => proxy.cut(),
    'takes everything and never answers': () => proxy.stall(),
    'is reached, but its answers are not': () => proxy.halfOpen(),
  })) {
    it(`throws StoreUnavailable in time when it ${what}, and is back soon after it is`, async () => {
      await store.put({ kind: 'A', id: 'before', payload: 'kept' }, 'insert')
      happen()
      await expectAway()
      await expectAway()
      proxy.restore()
      await expectBack()
      expect((await store.get('A', 'before'))?.payload).to.equal('kept')
    })
  }

  it('keeps its connections when it is too slow for its callers', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `${n}`)
    const { ended } = proxy
    proxy.delay(700)
    const late = ids.map((id) => store.consume('A', id, undefined, performance.now() + 400))
    for (const { status } of await Promise.allSettled(late)) expect(status).to.equal('rejected')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    proxy.restore()
    await Promise.all(ids.map((id) => store.get('A', id)))
    expect(proxy.ended).to.equal(ended)
  })

  it('works with answers that come late, as long as they come in time', async () => {
    proxy.delay(150)
    await store.put({ kind: 'A', id: 'x', payload: 'late' }, 'insert')
    expect(await store.consume('A', 'x')).to.equal('first')
    expect(await store.consume('A', 'x')).to.equal('refused')
  })

  it('never answers that something is absent because it could not look', async () => {
    await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')
    const reads = Array.from({ length: 40 }, async (_, n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 5))
      if (n === 10) proxy.cut()
      if (n === 25) proxy.restore()
      return store.get('A', 'x').then(
        (record) => (record ? 'there' : 'absent'),
        () => 'unavailable',
      )
    })
    expect(await Promise.all(reads)).to.not.include('absent')
  })

  it('has everything that was acknowledged after it was killed while it was written to', async function () {
    const { program } = await engineHere()
    if (!program) {
      console.error(
        `\n  !! NOT RUN, this MongoDB was not started by the tests: "${this.test?.title}". Set MONGOD_BINARY instead.\n`,
      )
      return this.skip()
    }
    const direct = await openMongoStore({ url: db.url })
    const acknowledged: string[] = []
    let stopped = false
    const writer = async (name: number) => {
      for (let n = 0; !stopped; n++) {
        const id = `${name}/${n}`
        const written = await direct.put({ kind: 'A', id, payload: id }, 'insert').catch(() => false)
        if (written) acknowledged.push(id)
      }
    }
    const writers = Array.from({ length: 8 }, (_, name) => writer(name))
    for (let kills = 0; kills < 3; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 200))
      await program.kill()
      await program.start()
    }
    stopped = true
    await Promise.all(writers)
    await expectBack()
    expect(acknowledged.length).to.be.above(50)
    for (const id of acknowledged) expect((await direct.get('A', id))?.payload).to.equal(id)
    await direct.close()
  })
})
