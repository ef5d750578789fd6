import { once } from 'node:events'
import { expect } from 'chai'
import { MongoClient } from 'mongodb'
import type { StoreEngine } from '../../../src/store.ts'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts'
import { needsEngine, preparedDatabase } from './support.ts'

/** What the race needs of the driver's own parts. */
interface Inside {
  readonly topology?: { readonly s: { readonly servers: ReadonlyMap<string, Server> } }
}
interface Server {
  readonly monitor: { readonly s: { readonly state: string }; readonly connection: { readonly socket: Socket } }
  requestCheck(): void
}
interface Socket {
  destroy(): void
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Milliseconds after which any heartbeat of the store that has no end is taken for stuck, and a second more: four steps
 * of two seconds, two for a server that answers when something happens, and the margin. */
const LIMIT = 11_500

describe('a driver that has stopped watching the database', function () {
  this.timeout(90_000)
  needsEngine()

  const { connect } = MongoClient.prototype
  let db: TestDatabase
  let proxy: TcpProxy
  let store: StoreEngine
  /** The client of the store, once for each time that it was connected. */
  let connects: MongoClient[]
  let warnings: string[]
  /** Whether heartbeats were listened to before the first of them. */
  let early: boolean

  beforeEach(async () => {
    db = await preparedDatabase()
    proxy = await tcpProxy(firstHost(db.url))
    connects = []
    warnings = []
    MongoClient.prototype.connect = function (this: MongoClient) {
      early = this.listenerCount('serverHeartbeatStarted') > 0
      connects.push(this)
      return connect.call(this)
    }
    store = await open('&serverMonitoringMode=poll')
  })
  afterEach(async () => {
    MongoClient.prototype.connect = connect
    proxy.restore()
    await store.close()
    await proxy.close()
    await db.drop()
  })

  /** @param monitoring by polling, the monitor of any server is idle between two heartbeats, which {@link race} needs */
  const open = (monitoring: string) =>
    openMongoStore({ url: throughProxy(db.url, proxy.port) + monitoring, warn: (message) => warnings.push(message) })

  /** The socket of the monitor is destroyed and has not said so when the monitor is woken. */
  async function race(): Promise<Server> {
    const client = connects[0] as MongoClient
    await once(client, 'serverHeartbeatSucceeded')
    // Sooner after a heartbeat it would be put off.
    await sleep(800)
    const [server] = (client as unknown as Inside).topology?.s.servers.values() ?? []
    if (!server) throw new Error('the driver has other parts than it had')
    let ended = 0
    for (const end of ['serverHeartbeatSucceeded', 'serverHeartbeatFailed'] as const) client.once(end, () => ended++)
    server.monitor.connection.socket.destroy()
    server.requestCheck()
    await sleep(300)
    expect(server.monitor.s.state).to.equal('monitoring')
    expect(ended).to.equal(0)
    return server
  }

  /** The server is unknown to a driver that does not look for it. */
  async function lose(): Promise<void> {
    proxy.cut()
    expect(await store.ping().catch((error: Error) => error)).to.be.instanceOf(Error)
  }

  async function expectBack(within: number): Promise<void> {
    const deadline = performance.now() + within
    for (;;) {
      const error = await store.ping().catch((reason: unknown) => reason)
      if (error === undefined) return
      if (performance.now() > deadline) throw error
      await sleep(50)
    }
  }

  it('is connected anew, so that verbs work again by themselves', async () => {
    await store.put({ kind: 'A', id: 'before', payload: 'kept' }, 'insert')
    await race()
    await lose()
    proxy.restore()
    await expectBack(LIMIT)
    expect((await store.get('A', 'before'))?.payload).to.equal('kept')
    expect(await store.consume('A', 'before')).to.equal('first')
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include(`the driver has stopped watching 127.0.0.1:${proxy.port}`)
    expect(new Set(connects).size).to.equal(1)
    expect(connects).to.have.length(2)
    await race()
    await lose()
    proxy.restore()
    await expectBack(LIMIT)
    expect(connects).to.have.length(3)
  })

  it('is connected anew as soon as the database is back, however long that takes', async () => {
    await race()
    await lose()
    await sleep(LIMIT + 3000)
    expect(warnings).to.have.length(2)
    expect(warnings[1]).to.match(/^store\.url: the database at .* cannot be reached/)
    expect(connects.length).to.be.above(2)
    const began = performance.now()
    const reason = await store.get('A', 'x').catch((error: Error) => error.name)
    expect(reason).to.equal('StoreUnavailable')
    expect(performance.now() - began).to.be.below(3000)
    proxy.restore()
    await expectBack(2000)
    expect(warnings.slice(2)).to.deep.equal(['store.url: the database is connected again.'])
  })

  it('is seen also when its first heartbeat was the last', () => {
    expect(early).to.equal(true)
  })

  it('is let go by a store that is closed meanwhile, and connects no more', async () => {
    await race()
    await lose()
    while (connects.length < 2) await sleep(20)
    const began = performance.now()
    await store.close()
    expect(performance.now() - began).to.be.below(1000)
    const { length } = connects
    proxy.restore()
    await sleep(2000)
    expect(connects).to.have.length(length)
    expect((connects[0] as unknown as Inside).topology).to.equal(undefined)
  })

  it('is let go by a store that is closed before that was noticed', async () => {
    await race()
    await store.close()
    await sleep(LIMIT)
    expect(connects).to.have.length(1)
    expect(warnings).to.deep.equal([])
  })

  for (const [what, happen] of Object.entries({
    'refuses connections': () => proxy.cut(),
    'takes everything and never answers': () => proxy.stall(),
    'is reached, but its answers are not': () => proxy.halfOpen(),
    'answers late': () => proxy.delay(1500),
  })) {
    it(`is not seen in a database that ${what} for long`, async () => {
      await store.close()
      connects = []
      // As servers of Consulate do: the configuration refuses to choose the monitoring.
      store = await open('')
      const [begun] = await once(connects[0] as MongoClient, 'serverHeartbeatStarted')
      if (!begun.awaited) console.error('        (polled: the server has no topologyVersion)')
      happen()
      await sleep(LIMIT + 500)
      proxy.restore()
      await expectBack(5000)
      expect(connects).to.have.length(1)
      expect(warnings).to.deep.equal([])
    })
  }
})
