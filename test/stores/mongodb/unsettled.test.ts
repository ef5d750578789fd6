import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts'
import { type WireFaults, wireFaults } from '../../support/wire-faults.ts'
import { needsEngine, preparedDatabase } from './support.ts'

const REUSE = { within: 60_000, times: 1 }

/** Milliseconds, and some more than those for which nobody is told that something is spent. */
const SETTLED_MS = 2100

describe('a process whose database was away', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let faults: WireFaults
  let proxy: TcpProxy
  let store: StoreEngine
  /** Milliseconds by which the clock of the process is ahead. */
  let ahead: number

  beforeEach(async () => {
    db = await preparedDatabase()
    faults = await wireFaults(firstHost(db.url))
    proxy = await tcpProxy({ ...firstHost(db.url), port: faults.port })
    ahead = 0
    store = await openMongoStore({ url: throughProxy(db.url, proxy.port), now: () => Date.now() + ahead })
    await store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
    for (const use of ['first', 'again']) expect(await store.consume('A', 'x', REUSE)).to.equal(use)
  })
  afterEach(async () => {
    await store.close()
    await proxy.close()
    await faults.close()
    await db.drop()
  })

  const failed = async (verb: Promise<unknown>) =>
    expect(isStoreUnavailable(await verb.catch((reason: unknown) => reason))).to.equal(true)
  const back = async () => {
    for (let found: unknown = 'away'; found === 'away'; await sleep(20)) {
      found = await store.get('A', 'y').catch(() => 'away')
    }
  }
  async function tellsNobodyForAWhile(): Promise<void> {
    await failed(store.get('A', 'x'))
    await failed(store.consume('A', 'x', REUSE))
    await sleep(SETTLED_MS)
    expect(await store.get('A', 'x')).to.include({ reused: 1 })
    expect(await store.consume('A', 'x', REUSE)).to.equal('refused')
  }

  it('tells nobody that a record is spent: another process may be taking it back', async () => {
    proxy.cut()
    await failed(store.get('A', 'y'))
    proxy.restore()
    // However long ago the failure was.
    await sleep(2500)
    await back()
    await tellsNobodyForAWhile()
  })

  it('does so too when it asked for nothing meanwhile', async () => {
    proxy.cut()
    await sleep(3000)
    proxy.restore()
    await sleep(3000)
    await back()
    await tellsNobodyForAWhile()
  })

  it('tells at once what was spent long before, so that theft is noticed', async () => {
    ahead = 61_000
    proxy.cut()
    await failed(store.get('A', 'y'))
    proxy.restore()
    await back()
    expect(await store.get('A', 'x')).to.include({ reused: 1 })
    await failed(store.consume('A', 'x', REUSE))
  })

  it('is not one that was refused something', async () => {
    faults.refuse('insert', { code: 13, codeName: 'Unauthorized' })
    await failed(store.put({ kind: 'A', id: 'z', payload: '' }, 'insert'))
    expect(await store.get('A', 'x')).to.include({ reused: 1 })
    expect(await store.consume('A', 'x', REUSE)).to.equal('refused')
  })
})
