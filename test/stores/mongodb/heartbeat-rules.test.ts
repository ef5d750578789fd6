import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type MongoClient, MongoServerError, type ServerType } from 'mongodb'
import { Heartbeats } from '../../../src/stores/mongodb/heartbeats.ts'

describe('a heartbeat', () => {
  const options = { connectTimeoutMS: 100, heartbeatFrequencyMS: 300 }
  /** Milliseconds until one is stuck that is not awaited, with the margin as in the source. */
  const limit = 4 * options.connectTimeoutMS + 500

  let client: EventEmitter & { close(): Promise<void>; connect(): Promise<void> }
  let connects: number
  let warnings: string[]
  let heartbeats: Heartbeats

  beforeEach(() => {
    connects = 0
    warnings = []
    const close = async () => undefined
    const connect = async () => void connects++
    client = Object.assign(new EventEmitter(), { options, close, connect })
    const warn = (message: string) => warnings.push(message)
    const explain = (error: unknown) => `because of ${(error as MongoServerError).code}`
    heartbeats = new Heartbeats(client as unknown as MongoClient, { warn, explain })
  })
  afterEach(() => heartbeats.close())

  const emit = (name: string, address = 'a', awaited = false) =>
    client.emit(name, { connectionId: address, address, awaited })
  const know = (servers: Record<string, ServerType>) => {
    const entries = Object.entries(servers).map(([address, type]) => [address, { type }] as const)
    client.emit('topologyDescriptionChanged', { newDescription: { servers: new Map(entries) } })
  }

  for (const [what, awaited, more] of [
    ['has the time for a socket, a proxy, TLS and the answer', false, 0],
    ['that the server answers when something happens has the time for that too', true, 300],
  ] as const) {
    it(what, async () => {
      // Its connection may be gone by the next one, and no event says so.
      emit('serverHeartbeatSucceeded')
      emit('serverHeartbeatStarted', 'a', awaited)
      await sleep(limit + more - 80)
      expect(connects).to.equal(0)
      await sleep(230)
      expect(connects).to.equal(1)
    })
  }

  for (const end of ['serverHeartbeatSucceeded', 'serverHeartbeatFailed', 'serverClosed']) {
    it(`ends with ${end}`, async () => {
      emit('serverHeartbeatStarted')
      emit(end)
      await sleep(limit + 100)
      expect(connects).to.equal(0)
    })
  }

  it('is not stuck because the process stood still', async () => {
    emit('serverHeartbeatStarted')
    const until = performance.now() + limit + 200
    while (performance.now() < until);
    setTimeout(() => emit('serverHeartbeatSucceeded'), 100)
    await sleep(700)
    expect(connects).to.equal(0)
  })

  it('that is stuck beside another one is one renewal with it', async () => {
    client.close = () => sleep(300)
    emit('serverHeartbeatStarted', 'a')
    await sleep(100)
    emit('serverHeartbeatStarted', 'b')
    await sleep(limit + 1000)
    expect(connects).to.equal(1)
    expect(warnings).to.have.length(1)
  })

  it('that is stuck while it connects anew is a renewal of its own', async () => {
    client.connect = async () => {
      if (++connects > 1) return
      emit('serverHeartbeatStarted', 'b')
      await sleep(limit + 200)
    }
    emit('serverHeartbeatStarted', 'a')
    await sleep(2 * limit + 500)
    expect(connects).to.equal(2)
    expect(warnings.map((each) => /watching (.*?),/.exec(each)?.[1])).to.deep.equal(['a', 'b'])
  })

  for (const type of ['RSPrimary', 'Standalone', 'Mongos', 'LoadBalancer'] as const) {
    it(`of a server that is not needed stays stuck while another one is a ${type}`, async () => {
      know({ a: type, b: 'RSSecondary' })
      emit('serverHeartbeatStarted', 'b')
      await sleep(limit + 200)
      expect(connects).to.equal(0)
      know({ a: 'Unknown', b: 'RSSecondary' })
      await sleep(50)
      expect(connects).to.equal(1)
    })
  }

  it('of a server that is not needed may end after all', async () => {
    know({ a: 'RSPrimary', b: 'RSSecondary' })
    emit('serverHeartbeatStarted', 'b')
    await sleep(limit + 200)
    emit('serverHeartbeatFailed', 'b')
    know({ a: 'Unknown', b: 'RSSecondary' })
    await sleep(50)
    expect(connects).to.equal(0)
  })

  it('of the primary is stuck although the others are watched', async () => {
    know({ a: 'RSPrimary', b: 'RSSecondary' })
    emit('serverHeartbeatStarted', 'a')
    await sleep(limit + 200)
    expect(connects).to.equal(1)
  })

  it('that is stuck says why it cannot connect anew, each reason once, and that it could', async () => {
    const codes = [6, 6, 18, 6]
    client.connect = async () => {
      const code = codes[connects++]
      if (code !== undefined) throw new MongoServerError({ message: 'no', code })
    }
    emit('serverHeartbeatStarted')
    await sleep(limit + 4 * 500 + 500)
    expect(connects).to.equal(5)
    expect(warnings.slice(1)).to.deep.equal([
      'store.url: because of 6',
      'store.url: because of 18',
      'store.url: the database is connected again.',
    ])
  }).timeout(6000)

  it('that is stuck while the client is closed goes unsaid', async () => {
    client.close = () => sleep(limit + 200)
    emit('serverHeartbeatStarted')
    await heartbeats.close()
    expect(connects).to.equal(0)
    expect(warnings).to.deep.equal([])
  })
})
