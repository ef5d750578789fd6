import { EventEmitter, once } from 'node:events'
import { expect } from 'chai'
import { MongoClient } from 'mongodb'
import type { StoreEngine } from '../../../src/store.ts'
import { Heartbeats } from '../../../src/stores/mongodb/heartbeats.ts'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { database, firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts'
import { engineHere, needsEngine } from './support.ts'

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

/** Milliseconds after which any heartbeat of the tests that has no end is taken for stuck, and a second more. */
const LIMIT = 5500

describe('a driver that has stopped watching the database', function () {
  this.timeout(60_000)
  needsEngine()

  const { connect } = MongoClient.prototype
  let db: TestDatabase
  let proxy: TcpProxy
  let store: StoreEngine
  /** The client of the store, once for each time that it was connected. */
  let connects: MongoClient[]
  let warnings: string[]

  beforeEach(async () => {
    const engine = await engineHere()
    db = database(engine)
    await migrateMongo({ url: db.url })
    proxy = await tcpProxy(firstHost(engine.url))
    connects = []
    warnings = []
    MongoClient.prototype.connect = function (this: MongoClient) {
      connects.push(this)
      return connect.call(this)
    }
    // Between two heartbeats the monitor of any server is idle then.
    const url = `${throughProxy(db.url, proxy.port)}&serverMonitoringMode=poll`
    store = await openMongoStore({ url, warn: (message) => warnings.push(message) })
  })
  afterEach(async () => {
    MongoClient.prototype.connect = connect
    proxy.restore()
    await store.close()
    await proxy.close()
    await db.drop()
  })

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
    await expectBack(5000)
    expect((await store.get('A', 'before'))?.payload).to.equal('kept')
    expect(await store.consume('A', 'before')).to.equal('first')
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include(`the driver has stopped watching 127.0.0.1:${proxy.port}`)
    expect(new Set(connects).size).to.equal(1)
    expect(connects).to.have.length(2)
    await race()
    await lose()
    proxy.restore()
    await expectBack(5000)
    expect(connects).to.have.length(3)
  })

  it('is connected anew as soon as the database is back, however long that takes', async () => {
    await race()
    await lose()
    await sleep(LIMIT + 2000)
    expect(warnings).to.have.length(1)
    expect(connects.length).to.be.above(2)
    const began = performance.now()
    const reason = await store.get('A', 'x').catch((error: Error) => error.name)
    expect(reason).to.equal('StoreUnavailable')
    expect(performance.now() - began).to.be.below(3000)
    proxy.restore()
    await expectBack(2000)
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
      happen()
      await sleep(LIMIT + 500)
      proxy.restore()
      await expectBack(5000)
      expect(connects).to.have.length(1)
      expect(warnings).to.deep.equal([])
    })
  }
})

describe('a heartbeat', () => {
  const address = 'db:27017'
  const options = { connectTimeoutMS: 200, heartbeatFrequencyMS: 300 }
  /** Milliseconds, as in the source. */
  const margin = 500

  let client: EventEmitter
  let connects: number
  let heartbeats: Heartbeats

  beforeEach(() => {
    connects = 0
    const close = async () => undefined
    const connect = async () => void connects++
    client = Object.assign(new EventEmitter(), { options, close, connect })
    heartbeats = new Heartbeats(client as unknown as MongoClient, () => undefined)
  })
  afterEach(() => heartbeats.close())

  const emit = (name: string, awaited = false) => client.emit(name, { connectionId: address, address, awaited })

  for (const [what, before, awaited, limit] of [
    ['that has to connect first has the time for both', 'serverHeartbeatFailed', false, 400],
    ['on a connection has the time for one answer', 'serverHeartbeatSucceeded', false, 200],
    ['that the server answers when something happens has the time for that too', 'serverHeartbeatSucceeded', true, 500],
  ] as const) {
    it(what, async () => {
      emit(before)
      emit('serverHeartbeatStarted', awaited)
      await sleep(limit + margin - 100)
      expect(connects).to.equal(0)
      await sleep(200)
      expect(connects).to.equal(1)
    })
  }

  for (const end of ['serverHeartbeatSucceeded', 'serverHeartbeatFailed', 'serverClosed']) {
    it(`ends with ${end}`, async () => {
      emit('serverHeartbeatStarted')
      emit(end)
      await sleep(400 + margin + 100)
      expect(connects).to.equal(0)
    })
  }

  it('is not stuck because the process stood still', async () => {
    emit('serverHeartbeatStarted')
    const until = performance.now() + 400 + margin + 200
    while (performance.now() < until);
    setTimeout(() => emit('serverHeartbeatSucceeded'), 100)
    await sleep(margin + 200)
    expect(connects).to.equal(0)
  })
})
