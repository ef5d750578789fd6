/**
 * The embedded store: one SQLite file in a private folder, the default on one machine, for one or several processes.
 *
 * It owns the verbs of the contract as SQL. The connection and its settings belong to `connect.ts`, grouping, locking
 * and checkpoints to `writer.ts`, the shape of a row to `rows.ts`, what keeps the data in order to `upkeep.ts`, and
 * secrecy to `../seal.ts`: this store writes down whatever it is given.
 */
import { join } from 'node:path'
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
import { privateFolder } from '../folder.ts'
import { text } from '../text.ts'
import { type Connections, connect } from './connect.ts'
import { type DriverName, defaultDriver, type Value } from './driver.ts'
import { chosen } from './list.ts'
import { COLUMNS, FIELDS, fields, LIVE, toRecord } from './rows.ts'
import { Sql } from './sql.ts'
import { restore, scan, size, swap, sweep } from './upkeep.ts'
import { type Extent, Writer } from './writer.ts'

export interface EmbeddedOptions {
  /** The folder. Created with mode 0700. */
  readonly path: string
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: () => number
  /** By default the one that fits the running Node; see `driver.ts`. */
  readonly driver?: DriverName
}

/** @throws {Error} one sentence that names `store.path` when the folder or the file in it cannot be used. */
export async function openEmbeddedStore(options: EmbeddedOptions): Promise<StoreEngine> {
  const folder = await privateFolder(options.path, 'store.path')
  const connections = await connect(join(folder, 'consulate.db'), options.driver ?? defaultDriver())
  return new EmbeddedStore(connections, options.now ?? Date.now)
}

const THIS = 'kind = ? AND id = ?'
const UNIQUE = { uid: 'uid', userCode: 'user_code' } as const

const LOST =
  'The file of the embedded store was deleted, moved or replaced while it was open; put it back and restart the server.'

class EmbeddedStore implements StoreEngine {
  readonly #connections: Connections
  readonly #now: () => number
  readonly #writer: Writer
  readonly #sql: Sql
  #closing: Promise<void> | undefined
  #lost = false

  constructor(connections: Connections, now: () => number) {
    this.#connections = connections
    this.#sql = new Sql(connections.db)
    this.#now = () => Math.floor(now())
    this.#writer = new Writer(connections.db, connections.guard)
  }

  async put(record: StoredRecord, mode: PutMode, until?: Until): Promise<boolean> {
    // SQLite would take NaN for NULL, and the record would live for ever.
    checkExpiry(record)
    const write = () => {
      const now = this.#now()
      const attempt = () =>
        (mode !== 'insert' && this.#update(record, now)) || (mode !== 'update' && this.#insert(record))
      // What stands in the way may be expired, and then it is not there.
      return attempt() || (this.#dropExpired(record, now) && attempt())
    }
    return this.#write(write, { until })
  }

  async get(kind: string, id: string): Promise<StoredRecord | undefined> {
    return this.#read(() => this.#select(`${THIS} AND ${LIVE}`, text(kind), text(id), this.#now())[0])
  }

  async find(kind: string, by: 'uid' | 'userCode', value: string): Promise<StoredRecord | undefined> {
    const where = `kind = ? AND ${UNIQUE[by]} = ? AND ${LIVE}`
    return this.#read(() => this.#select(where, text(kind), text(value), this.#now())[0])
  }

  consume(kind: string, id: string, reuse?: Reuse, until?: Until): Promise<Consumption> {
    const spend = () => {
      const now = this.#now()
      const key = [text(kind), text(id), now] as const
      const spent = `UPDATE records SET consumed_at = ? WHERE ${THIS} AND ${LIVE} AND consumed_at IS NULL`
      if (this.#run(spent, now, ...key) === 1) return 'first'
      if (!reuse) return 'refused'
      const again = `UPDATE records SET reused = reused + 1
        WHERE ${THIS} AND ${LIVE} AND consumed_at > ? AND reused < ?`
      return this.#run(again, ...key, now - reuse.within, reuse.times) === 1 ? 'again' : 'refused'
    }
    return this.#write(spend, { until })
  }

  take(kind: string, id: string, until?: Until): Promise<StoredRecord | undefined> {
    const take = () => {
      const sql = `DELETE FROM records WHERE ${THIS} AND ${LIVE} RETURNING ${COLUMNS}`
      const row = this.#sql.all(sql, text(kind), text(id), this.#now())[0]
      return row && toRecord(row)
    }
    return this.#write(take, { until })
  }

  /** Deletes an expired record too, lest a clock set back revives it, but answers whether it was there. */
  delete(kind: string, id: string): Promise<boolean> {
    return this.#write(() => {
      const there = this.#run(`DELETE FROM records WHERE ${THIS} AND ${LIVE}`, text(kind), text(id), this.#now()) === 1
      if (!there) this.#run(`DELETE FROM records WHERE ${THIS}`, text(kind), text(id))
      return there
    })
  }

  async deleteGrant(grantId: string): Promise<void> {
    await this.#write(() => this.#run('DELETE FROM records WHERE grant_id = ?', text(grantId)))
  }

  async list(query: ListQuery): Promise<ListPage> {
    checkLimit('list', query.limit)
    const { where, values } = chosen(query, this.#now())
    return this.#read(() => {
      const records = this.#select(`${where} ORDER BY id LIMIT ?`, ...values, query.limit + 1)
      const page = records.slice(0, query.limit)
      const last = page.at(-1)
      return records.length > query.limit && last ? { records: page, next: last.id } : { records: page }
    })
  }

  async sweep(limit: number): Promise<number> {
    this.#refuseLost()
    return this.#write(() => sweep(this.#sql, this.#now(), limit), { rows: limit })
  }

  async scan({ limit, after }: { limit: number; after?: string }): Promise<RowPage> {
    checkLimit('scan', limit)
    return this.#read(() => scan(this.#sql, limit, after))
  }

  async restore(rows: readonly StoredRow[]): Promise<number> {
    for (const row of rows) checkExpiry(row)
    return this.#write(() => restore(this.#sql, rows), { rows: rows.length })
  }

  async swap(kind: string, id: string, from: string, to: string): Promise<boolean> {
    return this.#write(() => swap(this.#sql, kind, id, from, to))
  }

  async size(): Promise<StoreSize> {
    return this.#read(() => size(this.#sql))
  }

  async count(kind: string): Promise<number> {
    // Two ranges of one index instead of a condition on each row: this runs while clients register.
    const sql = `SELECT (SELECT count(*) FROM records WHERE kind = ? AND expires_at IS NULL) +
      (SELECT count(*) FROM records WHERE kind = ? AND expires_at > ?) AS n`
    return this.#read(() => Number(this.#sql.all(sql, text(kind), text(kind), this.#now())[0]?.n))
  }

  async ping(): Promise<void> {
    this.#refuseLost()
    // A real write: taking the lock alone would not notice a full disk.
    await this.#write(() => {
      this.#run("INSERT INTO records (kind, id, payload) VALUES ('Ping', 'ping', '')")
      this.#run("DELETE FROM records WHERE kind = 'Ping' AND id = 'ping'")
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#writer.drain().then(() => {
      this.#connections.guard.close()
      this.#connections.db.close()
    })
    return this.#closing
  }

  #insert(record: StoredRecord): boolean {
    const sql = `INSERT INTO records (kind, id, ${FIELDS.join(', ')}) VALUES (?, ?, ${FIELDS.map(() => '?').join(', ')})
      ON CONFLICT DO NOTHING`
    return this.#run(sql, text(record.kind), text(record.id), ...fields(record)) === 1
  }

  #update(record: StoredRecord, now: number): boolean {
    const sql = `UPDATE OR IGNORE records SET ${FIELDS.map((name) => `${name} = ?`).join(', ')} WHERE ${THIS} AND ${LIVE}`
    return this.#run(sql, ...fields(record), text(record.kind), text(record.id), now) === 1
  }

  #dropExpired(record: StoredRecord, now: number): boolean {
    const drop = (column: string, value: string | undefined) => {
      if (value === undefined) return 0
      return this.#run(
        `DELETE FROM records WHERE kind = ? AND ${column} = ? AND expires_at <= ?`,
        text(record.kind),
        text(value),
        now,
      )
    }
    return drop('id', record.id) + drop('uid', record.uid) + drop('user_code', record.userCode) > 0
  }

  #select(where: string, ...values: Value[]): StoredRecord[] {
    return this.#sql.all(`SELECT ${COLUMNS} FROM records WHERE ${where}`, ...values).map(toRecord)
  }

  #run(sql: string, ...values: Value[]): number {
    return this.#sql.run(sql, ...values)
  }

  #read<T>(query: () => T): T {
    this.#refuseClosed()
    try {
      return query()
    } catch (cause) {
      throw new StoreUnavailable('The embedded store cannot be read.', { cause })
    }
  }

  async #write<T>(job: () => T, extent?: Extent): Promise<T> {
    this.#refuseClosed()
    try {
      return await this.#writer.write(job, extent)
    } catch (cause) {
      throw new StoreUnavailable('The embedded store cannot be written.', { cause })
    }
  }

  #refuseClosed(): void {
    if (this.#closing) throw new StoreUnavailable('The embedded store is closed.')
    if (this.#lost) throw new StoreUnavailable(LOST)
  }

  /** Asked where a moment more does not matter; once true, it is for every verb. */
  #refuseLost(): void {
    this.#lost ||= !this.#closing && !this.#connections.inPlace()
    this.#refuseClosed()
  }
}
