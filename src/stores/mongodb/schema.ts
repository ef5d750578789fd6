/**
 * The indexes, and the version of what is stored. `consulate migrate` makes them, before servers of this version start;
 * a server only looks whether they are there.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Collection, type IndexDescription, type IndexDescriptionInfo, MongoServerError } from 'mongodb'
import { type Connection, type ConnectOptions, connect, META, RECORDS } from './connect.ts'
import type { Document } from './document.ts'

/** Raise it with every change of documents or indexes that an earlier version could not live with. */
export const SCHEMA_VERSION = 1

/** Seconds after its end that the engine may delete a record by itself. A day, because its clock is not ours: this is
 * only for data that no server looks after any more. Expiry and sweeping never wait for it. */
const TTL_GRACE = 86_400

type Index = IndexDescription & { readonly name: string }

/** Without these, two records could have one uid. An engine that lacks them cannot be used. */
const UNIQUE: readonly Index[] = [
  { name: 'uid', key: { u: 1 }, unique: true, sparse: true },
  { name: 'user_code', key: { uc: 1 }, unique: true, sparse: true },
]
/** Without these everything works, only slower. */
const OPTIONAL: readonly Index[] = [
  { name: 'expiry', key: { exp: 1 }, expireAfterSeconds: TTL_GRACE },
  { name: 'grant', key: { g: 1 }, sparse: true },
  { name: 'client', key: { k: 1, cl: 1, _id: 1 } },
  { name: 'account', key: { k: 1, ac: 1, _id: 1 } },
  { name: 'kind_expiry', key: { k: 1, exp: 1 } },
]
const ALL = [...UNIQUE, ...OPTIONAL]

interface Schema {
  readonly _id: 'schema'
  readonly version: number
  /** Names of optional indexes that the engine would not make. */
  readonly refused: readonly string[]
}

export interface Migration {
  readonly version: number
  /** Names of the indexes that were made. */
  readonly created: readonly string[]
  /** Names of optional indexes that the engine would not make. */
  readonly refused: readonly string[]
}

/** Makes what is missing. It may run any number of times, and beside servers of this version.
 * @throws {Error} one sentence that starts with `store.url` */
export async function migrateMongo(options: ConnectOptions): Promise<Migration> {
  // On a large collection an index takes minutes.
  const connection = await connect({ ...options, patient: true })
  try {
    await refuseNewer(connection)
    const records = connection.db.collection<Document>(RECORDS)
    const there = await indexes(records)
    for (const index of ALL) refuseOther(connection, index, there.get(index.name))
    const created: string[] = []
    const refused: string[] = []
    for (const index of ALL.filter(({ name }) => !there.has(name))) {
      if (await create(records, index)) created.push(index.name)
      else refused.push(index.name)
    }
    refuseUnlike(connection, created, await indexes(records))
    await connection.db
      .collection<Schema>(META)
      .updateOne({ _id: 'schema' }, { $set: { version: SCHEMA_VERSION, refused } }, { upsert: true })
    return { version: SCHEMA_VERSION, created, refused }
  } finally {
    await connection.close()
  }
}

/** Looks, and changes nothing. @throws {Error} one sentence that starts with `store.url` and says what to do */
export async function verifySchema(connection: Connection, warn: (message: string) => void): Promise<void> {
  const schema = await refuseNewer(connection)
  const { place, db } = connection
  if (!schema || schema.version < SCHEMA_VERSION) {
    throw new Error(`store.url: the database at ${place} is not prepared for this version; run "consulate migrate".`)
  }
  const there = await indexes(db.collection<Document>(RECORDS))
  for (const index of ALL) {
    const { name, unique } = index
    refuseOther(connection, index, there.get(name))
    if (there.has(name)) continue
    if (unique || !schema.refused.includes(name)) {
      throw new Error(`store.url: the index "${name}" is missing at ${place}; run "consulate migrate".`)
    }
    warn(`The database has no index "${name}", because it does not support it; deletes and lists take longer.`)
  }
}

async function refuseNewer({ db, place }: Connection): Promise<Schema | null> {
  const schema = await db.collection<Schema>(META).findOne({ _id: 'schema' })
  if (schema && schema.version > SCHEMA_VERSION) {
    throw new Error(
      `store.url: the data at ${place} was written by a newer version of Consulate (schema ${schema.version}, this one knows ${SCHEMA_VERSION}); start that version again or name another database.`,
    )
  }
  return schema
}

/** Some engines take any index and make what they can. Those are not to be trusted with the writes either.
 * @throws {Error} about the first one that is unique and not as it was asked for */
function refuseUnlike({ place }: Connection, created: readonly string[], made: Indexes): void {
  const unlike = ALL.find((index) => index.unique && created.includes(index.name) && !same(index, made.get(index.name)))
  if (!unlike) return
  throw new Error(
    `store.url: the database at ${place} made the index "${unlike.name}" otherwise than it was asked to, so it cannot be used; use another one.`,
  )
}

/** An index of the same name that is not unique, say, would let through what this one must not. */
function refuseOther({ place }: Connection, wanted: Index, found: IndexDescriptionInfo | undefined): void {
  if (found === undefined || same(wanted, found)) return
  throw new Error(
    `store.url: the index "${wanted.name}" at ${place} is not the one that Consulate makes; drop it and run "consulate migrate".`,
  )
}

function same(wanted: Index, found: IndexDescriptionInfo | undefined): boolean {
  if (!found || Boolean(wanted.unique) !== Boolean(found.unique)) return false
  // Of the others some engines do not tell whether they are sparse, and it makes no difference there.
  if (wanted.unique && found.sparse !== true) return false
  return isDeepStrictEqual(Object.entries(wanted.key), Object.entries(found.key))
}

type Indexes = ReadonlyMap<string, IndexDescriptionInfo>

/** By their names. None for a collection that does not exist yet, which some engines call an error. */
async function indexes(records: Collection<Document>): Promise<Indexes> {
  const NO_COLLECTION = 26
  try {
    const found = await records.listIndexes().toArray()
    return new Map(found.map((index: IndexDescriptionInfo) => [String(index.name), index]))
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NO_COLLECTION) return new Map()
    throw error
  }
}

/** By code, as engines that are not MongoDB itself answer: NotImplemented, CannotCreateIndex, CommandNotFound,
 * CommandNotSupported, BadValue. */
const UNSUPPORTED = new Set<unknown>([238, 67, 59, 115, 2])

/** Answers false when the engine does not know this kind of index. */
async function create(records: Collection<Document>, { key, ...options }: Index): Promise<boolean> {
  try {
    await records.createIndex(key, options)
    return true
  } catch (error) {
    const known = error instanceof MongoServerError && UNSUPPORTED.has(error.code)
    if (!known || options.unique) throw failed(options.name, error)
    // Expired records are found by it all the same.
    if (options.expireAfterSeconds !== undefined) await records.createIndex(key).catch(() => undefined)
    return false
  }
}

function failed(name: string, cause: unknown): Error {
  const why = cause instanceof MongoServerError ? `code ${cause.code}` : 'no answer'
  return new Error(
    `store.url: the index "${name}" could not be made (${why}); run "consulate migrate" again, or use another database.`,
    {
      cause,
    },
  )
}
