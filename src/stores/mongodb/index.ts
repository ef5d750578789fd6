/**
 * The store for production: MongoDB, as a replica set or behind the routers of a sharded cluster, for any number of
 * processes on any number of machines.
 *
 * It owns the verbs of the contract as conditional writes to single documents with plain operators, which every server
 * of the protocol has. The connection belongs to `connect.ts`, indexes to `schema.ts`, the shape of a document to
 * `document.ts`, and secrecy to `../seal.ts`. The engine's own deletion of expired documents is never relied upon.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { Collection, Filter } from 'mongodb'
import {
  type Consumption,
  checkExpiry,
  checkLimit,
  type ListPage,
  type ListQuery,
  type PutMode,
  type Reuse,
  type RowPage,
  type StoredRecord,
  type StoredRow,
  type StoreEngine,
  type StoreSize,
  StoreUnavailable,
  type Until,
} from '../../store.ts'
import { text } from '../text.ts'
import { type Attempt, attempts, inTime, isRefusal, type Repetition, refuseLate } from './attempts.ts'
import { type Connection, connect, META, RECORDS } from './connect.ts'
import { consume } from './consume.ts'
import { alive, type Document, keyOf, keysOf, toRecord } from './document.ts'
import { Loader } from './loader.ts'
import { put } from './put.ts'
import { verifySchema } from './schema.ts'
import { TakeBacks } from './take-back.ts'
import { restore, scan, size, swap, sweep } from './upkeep.ts'

export { type Migration, migrateMongo } from './schema.ts'

export interface MongoOptions {
  /** `mongodb://` or `mongodb+srv://`. The database is `consulate` unless the path names another one. */
  readonly url: string
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: () => number
  /** Told the name of each command that is sent. */
  readonly onCommand?: (name: string) => void
  /** Told what the operator should know, while it opens, when it has to connect anew, and when too much failed at once. */
  readonly warn?: (message: string) => void
}

/** @throws {Error} one sentence that starts with `store.url` when the database cannot be used; without credentials */
export async function openMongoStore(options: MongoOptions): Promise<StoreEngine> {
  const { warn = () => undefined } = options
  const connection = await connect(options)
  try {
    await verifySchema(connection, warn)
    return new MongoStore(connection, options.now ?? Date.now, warn)
  } catch (error) {
    await connection.close()
    throw error
  }
}

const UNIQUE = { uid: 'u', userCode: 'uc' } as const

class MongoStore implements StoreEngine {
  readonly #connection: Connection
  readonly #records: Collection<Document>
  readonly #now: () => number
  readonly #loader: Loader
  readonly #takeBacks: TakeBacks
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(connection: Connection, now: () => number, warn: (message: string) => void) {
    this.#connection = connection
    this.#records = connection.db.collection<Document>(RECORDS)
    this.#now = () => Math.floor(now())
    this.#takeBacks = new TakeBacks(this.#records, warn)
    connection.onHeard(() => this.#takeBacks.wake())
    connection.onLost(() => this.#takeBacks.failed(this.#now()))
    this.#loader = new Loader((keys) => this.#records.find({ _id: { $in: [...keys] } }).toArray())
  }

  async put(record: StoredRecord, mode: PutMode, until?: Until): Promise<boolean> {
    checkExpiry(record)
    const mark = newMark()
    return this.#run(
      (attempt) => put(this.#records, record, { ...attempt, mode, mark, now: this.#now() }),
      mode === 'insert' ? 'always' : this.#once,
      until,
    )
  }

  async get(kind: string, id: string): Promise<StoredRecord | undefined> {
    const _id = keyOf(kind, id)
    const record = await this.#look(async () => {
      await this.#takeBacks.before(_id)
      return this.#live(await this.#loader.load(_id))
    })
    if (record?.consumedAt !== undefined) this.#takeBacks.refuseUnsettled(record.consumedAt)
    return record
  }

  find(kind: string, by: 'uid' | 'userCode', value: string): Promise<StoredRecord | undefined> {
    return this.#look(async () => this.#live(await this.#records.findOne({ [UNIQUE[by]]: keyOf(kind, value) })))
  }

  async consume(kind: string, id: string, reuse?: Reuse, until?: Until): Promise<Consumption> {
    const _id = keyOf(kind, id)
    const mark = newMark()
    let begun = false
    const spend = async (attempt: Attempt) => {
      await this.#takeBacks.before(_id)
      refuseLate(attempt)
      begun = true
      return consume(this.#records, _id, { ...attempt, at: this.#now(), mark, reuse })
    }
    const outcome = await this.#run(spend, 'always', until).catch((error: unknown) => {
      if (begun) this.#takeBacks.add({ _id, mark })
      throw error
    })
    if (outcome === 'refused') this.#takeBacks.refuseUnsettled()
    return outcome
  }

  take(kind: string, id: string, until?: Until): Promise<StoredRecord | undefined> {
    const take = async () => {
      const taken = await this.#records.findOneAndDelete({ _id: keyOf(kind, id), ...alive(this.#now()) })
      return taken ? toRecord(taken) : undefined
    }
    return this.#run(take, this.#once, until)
  }

  /** Deletes an expired record too, lest a clock set back revives it, but answers whether it was there. */
  delete(kind: string, id: string): Promise<boolean> {
    return this.#run(async () => {
      const deleted = await this.#records.findOneAndDelete({ _id: keyOf(kind, id) })
      return this.#live(deleted) !== undefined
    })
  }

  async deleteGrant(grantId: string): Promise<void> {
    // The driver begins it never again, and done twice it is the same.
    await this.#run(() => this.#records.deleteMany({ g: text(grantId) }), 'always')
  }

  async list(query: ListQuery): Promise<ListPage> {
    checkLimit('list', query.limit)
    const { kind, clientId, accountId, grantId, expiresBefore, after, limit } = query
    const filter: Filter<Document>[] = [{ k: text(kind), _id: keysOf(kind) }, alive(this.#now())]
    if (clientId !== undefined) filter.push({ cl: text(clientId) })
    if (accountId !== undefined) filter.push({ ac: text(accountId) })
    if (grantId !== undefined) filter.push({ g: text(grantId) })
    if (expiresBefore !== undefined) filter.push({ exp: { $lt: new Date(expiresBefore) } })
    if (after !== undefined) filter.push({ _id: { $gt: keyOf(kind, after) } })
    return this.#look(async () => {
      const cursor = this.#records.find({ $and: filter }).sort({ _id: 1 })
      const found = (await cursor.limit(limit + 1).toArray()).map(toRecord)
      const records = found.slice(0, limit)
      const last = records.at(-1)
      return found.length > limit && last ? { records, next: last.id } : { records }
    })
  }

  sweep(limit: number): Promise<number> {
    return this.#run(() => sweep(this.#records, this.#now(), limit))
  }

  count(kind: string): Promise<number> {
    return this.#look(() => this.#records.countDocuments({ k: text(kind), ...alive(this.#now()) }))
  }

  async scan(query: { limit: number; after?: string }): Promise<RowPage> {
    checkLimit('scan', query.limit)
    return this.#look(() => scan(this.#records, query))
  }

  async restore(rows: readonly StoredRow[]): Promise<number> {
    for (const row of rows) checkExpiry(row)
    return this.#run(() => restore(this.#records, rows))
  }

  swap(kind: string, id: string, from: string, to: string): Promise<boolean> {
    return this.#run(() => swap(this.#records, keyOf(kind, id), from, to))
  }

  size(): Promise<StoreSize> {
    return this.#look(() => size(this.#records, this.#connection.db))
  }

  ping(): Promise<void> {
    return this.#run(async () => {
      const pings = this.#connection.db.collection<{ _id: string; at: number }>(META)
      await pings.updateOne({ _id: 'ping' }, { $set: { at: this.#now() } }, { upsert: true })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#running)
    // What failed just now is known as open by then.
    await turn()
    await this.#takeBacks.close()
    await this.#connection.close()
  }

  #live(document: Document | null | undefined): StoredRecord | undefined {
    if (!document || (document.exp !== undefined && document.exp.getTime() <= this.#now())) return undefined
    return toRecord(document)
  }

  /** For verbs that only read. */
  #look<T>(verb: () => Promise<T>): Promise<T> {
    return this.#run(verb, 'always')
  }

  /** For verbs that must not be done twice. */
  get #once(): Repetition {
    return this.#connection.repeatsWrites() ? 'never' : 'unsent'
  }

  async #run<T>(verb: (attempt: Attempt) => Promise<T>, repetition = this.#once, until?: Until): Promise<T> {
    if (this.#closing) throw new StoreUnavailable('The database connection is closed.')
    const running = inTime((end) => attempts(verb, repetition, end), until)
    this.#running.add(running)
    try {
      const result = await running
      this.#takeBacks.answered()
      return result
    } catch (error) {
      if (!isRefusal(error)) this.#takeBacks.failed(this.#now())
      throw error
    } finally {
      this.#running.delete(running)
    }
  }
}

/** Tells what one call wrote from what all others did. */
const newMark = () => randomBytes(12).toString('base64url')
