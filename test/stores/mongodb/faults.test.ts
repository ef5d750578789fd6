import { expect } from 'chai'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { database, firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type WireFaults, wireFaults } from '../../support/wire-faults.ts'
import { engineHere, needsEngine } from './support.ts'

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('a MongoDB that answers with errors', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let faults: WireFaults
  let url: string
  let store: StoreEngine | undefined

  beforeEach(async () => {
    const engine = await engineHere()
    db = database(engine)
    faults = await wireFaults(firstHost(engine.url))
    url = throughProxy(db.url, faults.port)
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
    await faults.close()
    await db.drop()
  })

  const opened = async () => {
    await migrateMongo({ url: db.url })
    store = await openMongoStore({ url })
    await store.put({ kind: 'A', id: 'x', payload: '', grantId: 'g' }, 'insert')
    return store
  }

  for (const [code, codeName] of [
    [238, 'NotImplemented'],
    [67, 'CannotCreateIndex'],
    [59, 'CommandNotFound'],
  ] as const) {
    it(`is used without a TTL index that it refuses with code ${code}, and swept all the same`, async () => {
      const isTtl = (command: { indexes?: { expireAfterSeconds?: number }[] }) =>
        command.indexes?.[0]?.expireAfterSeconds !== undefined
      faults.refuse('createIndexes', { code, codeName, when: isTtl })
      expect((await migrateMongo({ url })).refused).to.deep.equal(['expiry'])
      expect(faults.shown).to.equal(1)
      const warnings: string[] = []
      let now = Date.now()
      store = await openMongoStore({ url, now: () => now, warn: (message) => warnings.push(message) })
      expect(warnings.join()).to.match(/no index "expiry"/)
      await store.put({ kind: 'A', id: 'x', payload: '', expiresAt: now + 1000 }, 'insert')
      now += 1000
      expect(await store.sweep(10)).to.equal(1)
    })
  }

  it('cannot be used when it makes a unique index otherwise than it was asked to', async () => {
    const dense = (index: object) => ({ ...index, sparse: undefined })
    faults.alter('createIndexes', (command) => ({ ...command, indexes: command.indexes.map(dense) }))
    expect(String(await outcome(migrateMongo({ url })))).to.match(
      /store\.url: the database at .* made the index "uid" otherwise than it was asked to/,
    )
    expect(String(await outcome(openMongoStore({ url })))).to.match(/not prepared/)
  })

  it('cannot be used when it refuses a unique index, and the sentence names it', async () => {
    faults.refuse('createIndexes', {
      code: 67,
      codeName: 'CannotCreateIndex',
      when: (command) => command.indexes[0].unique === true,
    })
    const error = await outcome(migrateMongo({ url }))
    expect(String(error)).to.match(/store\.url: the index "uid" could not be made \(code 67\);/)
    expect(String(await outcome(openMongoStore({ url })))).to.match(/run "consulate migrate"/)
  })

  const commands: Readonly<Record<string, (here: StoreEngine) => Promise<unknown>>> = {
    find: (here) => here.get('A', 'x'),
    insert: (here) => here.put({ kind: 'A', id: 'y', payload: '' }, 'insert'),
    update: (here) => here.consume('A', 'x', { within: 1000, times: 1 }),
    findAndModify: (here) => here.take('A', 'x'),
    delete: (here) => here.deleteGrant('g'),
  }
  const writes = Object.entries(commands).filter(([command]) => command !== 'find')

  it('is asked for the majority and its journal by every write, and for what the majority has by every read', async () => {
    const here = await opened()
    for (const [command, verb] of Object.entries(commands)) {
      const seen: object[] = []
      const watch = ({ writeConcern, readConcern }: Record<string, object>) =>
        seen.push({ writeConcern, readConcern }) < 0
      faults.refuse(command, { code: 0, codeName: '', when: watch })
      await verb(here)
      const asked =
        command === 'find'
          ? { writeConcern: undefined, readConcern: { level: 'majority' } }
          : { writeConcern: { w: 'majority', j: true }, readConcern: undefined }
      expect(seen.length).to.be.above(0)
      for (const each of seen) expect(each, command).to.deep.equal(asked)
    }
  })

  for (const [code, codeName] of [
    [10107, 'NotWritablePrimary'],
    [189, 'PrimarySteppedDown'],
    [11600, 'InterruptedAtShutdown'],
    [50, 'MaxTimeMSExpired'],
    [13, 'Unauthorized'],
    [8000, 'AtlasError'],
  ] as const) {
    it(`is unavailable, with no record absent and none spent, when commands end with ${codeName}`, async () => {
      const here = await opened()
      for (const [command, verb] of Object.entries(commands)) {
        faults.refuse(command, { code, codeName })
        const error = await outcome(verb(here))
        expect(isStoreUnavailable(error), `${command}: ${error}`).to.equal(true)
      }
      expect(faults.shown).to.be.at.least(Object.keys(commands).length)
    })
  }

  it('is unavailable when only its primary knows of a write: it is neither done nor refused', async () => {
    const here = await opened()
    for (const [command, verb] of writes) {
      faults.doubt(command, { code: 64, codeName: 'WriteConcernTimeout' })
      const error = await outcome(verb(here))
      expect(isStoreUnavailable(error), `${command}: ${error}`).to.equal(true)
    }
    expect(faults.shown).to.be.at.least(writes.length)
  })

  it('is unavailable when what it sends is no message', async () => {
    const here = await opened()
    for (const [command, verb] of Object.entries(commands)) {
      faults.garble(command)
      const error = await outcome(verb(here))
      expect(isStoreUnavailable(error), `${command}: ${error}`).to.equal(true)
    }
  })
})
