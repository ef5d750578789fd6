import { expect } from 'chai'
import type { BSON } from 'mongodb'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { database, firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type WireFaults, wireFaults } from '../../support/wire-faults.ts'
import { wireReplicaSet } from '../../support/wire-replica-set.ts'
import { engineHere, needsEngine, preparedDatabase } from './support.ts'

const REUSE = { within: 60_000, times: 1 }

/** Of the two writes of a consumption the second one. */
const isReuse = (command: BSON.Document) => command.updates[0].u.$inc !== undefined

describe('a MongoDB whose answer was lost', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let faults: WireFaults
  let store: StoreEngine

  beforeEach(async () => {
    db = await preparedDatabase()
    faults = await wireFaults(firstHost(db.url))
    store = await openMongoStore({ url: throughProxy(db.url, faults.port) })
    await store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
  })
  afterEach(async () => {
    await store.close()
    await faults.close()
    await db.drop()
  })

  it('has spent a record once, which is what the call says', async () => {
    faults.lose('update')
    expect(await store.consume('A', 'x', REUSE)).to.equal('first')
    expect(faults.shown).to.equal(1)
    expect(await store.consume('A', 'x', REUSE)).to.equal('again')
    expect(await store.consume('A', 'x', REUSE)).to.equal('refused')
  })

  it('has spent a record without reuse once too', async () => {
    faults.lose('update')
    expect(await store.consume('A', 'x')).to.equal('first')
    expect(await store.consume('A', 'x')).to.equal('refused')
  })

  it('has spent a record again once', async () => {
    await store.consume('A', 'x', REUSE)
    faults.lose('update', { when: isReuse })
    expect(await store.consume('A', 'x', REUSE)).to.equal('again')
    expect(faults.shown).to.equal(1)
    expect(await store.consume('A', 'x', REUSE)).to.equal('refused')
  })

  it('has allowed no use too many, and none too few, of a record that may be used often', async () => {
    const often = { within: 60_000, times: 3 }
    await store.consume('A', 'x', often)
    for (let use = 1; use <= often.times; use += 1) {
      faults.lose('update', { when: isReuse })
      expect(await store.consume('A', 'x', often)).to.equal('again')
      expect(faults.shown).to.equal(use)
    }
    expect(await store.consume('A', 'x', often)).to.equal('refused')
  })

  it('has spent a record for the call that was first, also when another one came before that asked again', async () => {
    const other = await openMongoStore({ url: db.url })
    let second: unknown
    faults.lose('update', {
      meanwhile: async () => {
        second = await other.consume('A', 'x', REUSE)
      },
    })
    expect(await store.consume('A', 'x', REUSE)).to.equal('first')
    expect(second).to.equal('again')
    expect(await other.consume('A', 'x', REUSE)).to.equal('refused')
    await other.close()
  })

  it('has spent a record once when it is lost twice', async () => {
    faults.lose('update', { times: 2 })
    expect(await store.consume('A', 'x', REUSE)).to.equal('first')
    expect(faults.shown).to.equal(2)
    expect(await store.consume('A', 'x', REUSE)).to.equal('again')
  })

  it('has spent a record once when it came with the news that the server shuts down', async () => {
    let told = 0
    const once = () => told++ === 0
    faults.doubt('update', { code: 91, codeName: 'ShutdownInProgress', when: once })
    expect(await store.consume('A', 'x', REUSE)).to.equal('first')
    expect(faults.shown).to.equal(1)
    expect(await store.consume('A', 'x', REUSE)).to.equal('again')
  })

  it('has a record that was inserted, once, and knows it from one that was there', async () => {
    faults.lose('insert')
    expect(await store.put({ kind: 'A', id: 'y', payload: 'y' }, 'insert')).to.equal(true)
    expect(faults.shown).to.equal(1)
    faults.lose('insert')
    expect(await store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')).to.equal(false)
    expect((await store.get('A', 'y'))?.payload).to.equal('y')
  })

  it('is asked again for what only reads', async () => {
    // The driver itself asks twice.
    faults.lose('find', { times: 2 })
    expect((await store.get('A', 'x'))?.payload).to.equal('x')
    expect(faults.shown).to.equal(2)
  })

  it('is asked again to end a grant, which the driver never does', async () => {
    await store.put({ kind: 'A', id: 'x', payload: 'x', grantId: 'g' }, 'update')
    faults.lose('delete')
    await store.deleteGrant('g')
    expect(faults.shown).to.equal(1)
    expect(await store.get('A', 'x')).to.equal(undefined)
  })

  it('is asked again to end a grant when the server steps down, which did nothing then', async () => {
    await store.put({ kind: 'A', id: 'x', payload: 'x', grantId: 'g' }, 'update')
    let told = 0
    faults.refuse('delete', { code: 10107, codeName: 'NotWritablePrimary', when: () => told++ === 0 })
    await store.deleteGrant('g')
    expect(faults.shown).to.equal(1)
    expect(await store.get('A', 'x')).to.equal(undefined)
  })

  it('is not asked again for what cannot be told from the work of another', async () => {
    const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
      update: () => store.put({ kind: 'A', id: 'x', payload: 'new' }, 'update'),
      findAndModify: () => store.take('A', 'x'),
    }
    for (const [command, verb] of Object.entries(verbs)) {
      faults.lose(command)
      const error = await verb().catch((reason: unknown) => reason)
      expect(isStoreUnavailable(error), command).to.equal(true)
    }
    expect(await store.get('A', 'x')).to.equal(undefined)
  })
})

describe('a primary whose answer was lost, and that of the repetition by the driver too', function () {
  this.timeout(60_000)
  needsEngine()

  it('has spent the record once, which is what the call says', async () => {
    const engine = await engineHere()
    const db = database(engine)
    const set = await wireReplicaSet(firstHost(engine.url))
    await migrateMongo({ url: db.url })
    const store = await openMongoStore({ url: throughProxy(db.url, set.port) })
    try {
      await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')
      const numbers: string[] = []
      set.fate = (_, number) => (numbers.push(number) <= 2 ? 'cut' : 'answered')
      expect(await store.consume('A', 'x', REUSE)).to.equal('first')
      expect(new Set(numbers.slice(0, 2)).size).to.equal(1)
      expect(await store.consume('A', 'x', REUSE)).to.equal('again')
    } finally {
      await store.close()
      await set.close()
      await db.drop()
    }
  })
})
