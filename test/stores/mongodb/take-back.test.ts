import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { BSON } from 'mongodb'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { type WireFaults, wireFaults } from '../../support/wire-faults.ts'
import { needsEngine, preparedDatabase } from './support.ts'

const REUSE = { within: 60_000, times: 1 }

/** How often the store sends the write of a consumption whose connection breaks each time. */
const ATTEMPTS = 3

/** Of the two writes of a consumption the second one. What takes back has its updates outside of the body. */
const isReuse = (command: BSON.Document) => command.updates?.[0].u.$inc?.r === 1

describe('a spending of which nobody learned', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let faults: WireFaults
  let store: StoreEngine
  /** By another way, which nothing is done to. */
  let other: StoreEngine

  beforeEach(async () => {
    db = await preparedDatabase()
    faults = await wireFaults(firstHost(db.url))
    store = await openMongoStore({ url: throughProxy(db.url, faults.port) })
    other = await openMongoStore({ url: db.url })
    await other.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
  })
  afterEach(async () => {
    await store.close()
    await other.close()
    await faults.close()
    await db.drop()
  })

  const failed = async (spending: Promise<unknown>) =>
    expect(isStoreUnavailable(await spending.catch((reason: unknown) => reason))).to.equal(true)
  const record = () => other.get('A', 'x')

  /** Waits until the record is as it should be, and a while more, lest it does not stay so. */
  async function becomes(state: { readonly consumed: boolean; readonly reused?: number }): Promise<void> {
    const is = async () => {
      const found = await record()
      return (found?.consumedAt !== undefined) === state.consumed && found?.reused === state.reused
    }
    for (let look = 0; look < 200 && !(await is()); look += 1) await sleep(50)
    await sleep(2000)
    expect(await is()).to.equal(true)
  }

  /** Another process, whose database hears and cannot answer while it is half open. */
  async function away(port = firstHost(db.url).port, onCommand: (name: string) => void = () => undefined) {
    const proxy = await tcpProxy({ ...firstHost(db.url), port })
    const far = await openMongoStore({ url: throughProxy(db.url, proxy.port), onCommand })
    const close = async () => {
      await far.close()
      await proxy.close()
    }
    return { far, proxy, close }
  }

  const uses = async (count: number) => {
    const answers: string[] = []
    for (let use = 0; use < count; use += 1) answers.push(await other.consume('A', 'x', REUSE))
    return answers
  }

  it('is taken back, and the record is as it was', async () => {
    faults.lose('update', { times: ATTEMPTS })
    await failed(store.consume('A', 'x', REUSE))
    expect(faults.shown).to.equal(ATTEMPTS)
    await becomes({ consumed: false })
    expect(await uses(3)).to.deep.equal(['first', 'again', 'refused'])
  })

  it('is taken back without reuse too', async () => {
    faults.lose('update', { times: ATTEMPTS })
    await failed(store.consume('A', 'x'))
    await becomes({ consumed: false })
    expect([await store.consume('A', 'x'), await other.consume('A', 'x')]).to.deep.equal(['first', 'refused'])
  })

  it('is taken back when it was the second one', async () => {
    expect(await store.consume('A', 'x', REUSE)).to.equal('first')
    faults.lose('update', { when: isReuse, times: ATTEMPTS })
    await failed(store.consume('A', 'x', REUSE))
    await becomes({ consumed: true })
    expect(await uses(2)).to.deep.equal(['again', 'refused'])
  })

  it('is taken back from under another one, which then is the first', async () => {
    let second: unknown
    const meanwhile = async () => {
      second = await other.consume('A', 'x', REUSE)
      faults.lose('update', { times: ATTEMPTS - 1 })
    }
    faults.lose('update', { meanwhile })
    await failed(store.consume('A', 'x', REUSE))
    expect(second).to.equal('again')
    await becomes({ consumed: true })
    expect(await uses(2)).to.deep.equal(['again', 'refused'])
  })

  for (const [order, back] of Object.entries({ before: [0, 1], after: [1, 0] })) {
    it(`is taken back ${order} the one that came next and was given up too`, async () => {
      const ways = [await away(), await away(faults.port)] as const
      const [first, second] = ways
      try {
        first.proxy.halfOpen()
        await failed(first.far.consume('A', 'x', REUSE, performance.now() + 500))
        first.proxy.cut()
        faults.lose('update', { when: isReuse, meanwhile: async () => second.proxy.cut() })
        await failed(second.far.consume('A', 'x', REUSE, performance.now() + 500))
        expect(await record()).to.include({ reused: 1 })
        for (const index of back) {
          ways[index]?.proxy.restore()
          await sleep(3000)
          expect((await record())?.reused ?? 0).to.be.at.least(0)
        }
        await becomes({ consumed: false })
        expect(await uses(3)).to.deep.equal(['first', 'again', 'refused'])
      } finally {
        for (const { close } of ways) await close()
      }
    })
  }

  it('is taken back alone, and nothing of the others that spent the record', async () => {
    expect(await uses(2)).to.deep.equal(['first', 'again'])
    faults.lose('update', { times: ATTEMPTS })
    await failed(store.consume('A', 'x', REUSE))
    await becomes({ consumed: true, reused: 1 })
    expect(await uses(1)).to.deep.equal(['refused'])
  })

  it('is taken back when the database did it only after it was asked about it', async () => {
    faults.hold('update', 1800, (command) => command.updates?.[0].u.$set?.b !== undefined)
    await failed(store.consume('A', 'x', REUSE, performance.now() + 300))
    // As its client does, which comes again at once and now and then.
    for (let use = 0; use < 20; use += 1) {
      await store.get('A', 'x')
      await sleep(50)
    }
    expect((await record())?.consumedAt).to.equal(undefined)
    for (let look = 0; look < 100 && (await record())?.consumedAt === undefined; look += 1) await sleep(20)
    await becomes({ consumed: false })
  })

  it('is taken back first when the record is read or spent by the same process', async () => {
    for (const verb of ['get', 'consume'] as const) {
      const { far, proxy, close } = await away()
      try {
        proxy.halfOpen()
        await failed(far.consume('A', 'x', REUSE, performance.now() + 300))
        proxy.restore()
        const answer = () =>
          verb === 'get' ? far.get('A', 'x').then((found) => found?.consumedAt) : far.consume('A', 'x', REUSE)
        let found: unknown = 'unavailable'
        for (let look = 0; look < 200 && found === 'unavailable'; look += 1) {
          found = await answer().catch(() => 'unavailable')
        }
        expect(found, verb).to.equal(verb === 'get' ? undefined : 'first')
      } finally {
        await close()
      }
    }
  })

  it('is taken back before the store is closed', async () => {
    faults.lose('update', { times: ATTEMPTS })
    await failed(store.consume('A', 'x', REUSE))
    await store.close()
    expect((await record())?.consumedAt).to.equal(undefined)
  })

  it('is taken back when the driver sent it only after its caller had gone', async () => {
    let updates = 0
    const { far, proxy, close } = await away(undefined, (name) => {
      if (name === 'update') updates += 1
    })
    try {
      proxy.cut()
      await far.get('A', 'x').catch(() => undefined)
      await failed(far.consume('A', 'x', REUSE, performance.now() + 500))
      expect(updates).to.equal(0)
      proxy.restore()
      for (let look = 0; look < 100 && updates === 0; look += 1) await sleep(20)
      expect(updates).to.be.above(0)
      await becomes({ consumed: false })
    } finally {
      await close()
    }
  })

  it('is taken back when the database can be reached again', async () => {
    const { far, proxy, close } = await away()
    try {
      proxy.halfOpen()
      await failed(far.consume('A', 'x', REUSE, performance.now() + 500))
      expect((await record())?.consumedAt).to.be.a('number')
      proxy.cut()
      await sleep(3000)
      expect((await record())?.consumedAt).to.be.a('number')
      proxy.restore()
      await becomes({ consumed: false })
    } finally {
      await close()
    }
  })
})
