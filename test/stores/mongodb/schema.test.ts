import { expect } from 'chai'
import { MongoClient } from 'mongodb'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { database, type TestDatabase } from '../../support/mongo.ts'
import { engineHere, needsEngine } from './support.ts'

const INDEXES = ['account', 'client', 'expiry', 'grant', 'kind_expiry', 'uid', 'user_code']

describe('the schema of the MongoDB store', function () {
  this.timeout(30_000)
  needsEngine()

  let db: TestDatabase
  let client: MongoClient

  beforeEach(async () => {
    db = database(await engineHere())
    client = await new MongoClient(db.url).connect()
  })
  afterEach(async () => {
    await client.close()
    await db.drop()
  })

  const refusal = async (url = db.url) =>
    openMongoStore({ url }).then(
      () => 'it was not refused',
      (error: unknown) => (error as Error).message,
    )

  it('is made by migrate, once, also by two at the same time', async () => {
    const both = await Promise.all([migrateMongo({ url: db.url }), migrateMongo({ url: db.url })])
    for (const { refused, version } of both) expect({ refused, version }).to.deep.equal({ refused: [], version: 1 })
    const names = (await client.db().collection('records').listIndexes().toArray()).map(({ name }) => name)
    expect(names.sort()).to.deep.equal(['_id_', ...INDEXES])
    expect((await migrateMongo({ url: db.url })).created).to.deep.equal([])
    await (await openMongoStore({ url: db.url })).close()
  })

  it('is asked for in one sentence when migrate never ran', async () => {
    expect(await refusal()).to.match(/^store\.url: the database at .* is not prepared .* run "consulate migrate"\.$/)
  })

  for (const name of INDEXES) {
    it(`is not taken without the index "${name}", which the sentence names`, async () => {
      await migrateMongo({ url: db.url })
      await client.db().collection('records').dropIndex(name)
      expect(await refusal()).to.match(
        new RegExp(`^store\\.url: the index "${name}" is missing at .*consulate migrate`),
      )
      expect((await migrateMongo({ url: db.url })).created).to.deep.equal([name])
      await (await openMongoStore({ url: db.url })).close()
    })
  }

  for (const [what, name, key, options] of [
    ['lets two records have one', 'uid', { u: 1 }, { sparse: true }],
    ['lets only one record have none', 'user_code', { uc: 1 }, { unique: true }],
    ['is about another field', 'grant', { p: 1 }, { sparse: true }],
  ] as const) {
    it(`is not taken with an index "${name}" that ${what}`, async () => {
      await migrateMongo({ url: db.url })
      const records = client.db().collection('records')
      await records.dropIndex(name)
      await records.createIndex(key, { ...options, name })
      expect(await refusal()).to.match(new RegExp(`^store\\.url: the index "${name}" at .* is not the one .* drop it`))
      const error = await migrateMongo({ url: db.url }).catch((reason: unknown) => reason)
      expect((error as Error).message).to.match(/drop it and run "consulate migrate"\.$/)
    })
  }

  it('may lack an optional index that the database does not support, with a warning, but no unique one', async () => {
    await migrateMongo({ url: db.url })
    const meta = client.db().collection<{ _id: string }>('meta')
    await meta.updateOne({ _id: 'schema' }, { $set: { refused: ['expiry', 'uid'] } })
    await client.db().collection('records').dropIndex('expiry')
    const warnings: string[] = []
    await (await openMongoStore({ url: db.url, warn: (message) => warnings.push(message) })).close()
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(/^The database has no index "expiry"/)
    await client.db().collection('records').dropIndex('uid')
    expect(await refusal()).to.match(/the index "uid" is missing/)
  })

  it('is refused when a newer version has written it, by migrate too', async () => {
    await migrateMongo({ url: db.url })
    const meta = client.db().collection<{ _id: string }>('meta')
    await meta.updateOne({ _id: 'schema' }, { $set: { version: 99 } })
    expect(await refusal()).to.match(/newer version of Consulate \(schema 99, this one knows 1\)/)
    const error = await migrateMongo({ url: db.url }).catch((reason: unknown) => reason)
    expect((error as Error).message).to.match(/newer version of Consulate/)
  })

  it('keeps texts apart that are told apart by their kind only', async () => {
    await migrateMongo({ url: db.url })
    const store = await openMongoStore({ url: db.url })
    await store.put({ kind: 'A', id: 'B', payload: '1', uid: 'x' }, 'insert')
    await store.put({ kind: 'AB', id: '', payload: '2', uid: '' }, 'insert')
    await store.put({ kind: 'A\u0001', id: 'B', payload: '3', uid: 'x' }, 'insert')
    const ids = async (kind: string) => (await store.list({ kind, limit: 9 })).records.map(({ payload }) => payload)
    expect([await ids('A'), await ids('AB'), await ids('A\u0001')]).to.deep.equal([['1'], ['2'], ['3']])
    await store.close()
  })
})
