/**
 * The storage contract. This file is public as `consulate/store`.
 *
 * A store keeps opaque payloads under a kind and an id, with a few index fields beside them. It knows nothing of OAuth:
 * what the records mean belongs to `provider/`, and what may be read from a dump to `stores/seal.ts`, which sits between
 * the two and hands every store hashed ids and sealed payloads only.
 *
 * Times are milliseconds since the epoch, but for {@link Until}. A record is absent from the instant of `expiresAt`, swept or
 * not.
 */

export interface StoredRecord {
  readonly kind: string
  readonly id: string
  readonly payload: string
  readonly expiresAt?: number
  /** Set by `consume`, never by `put`. */
  readonly consumedAt?: number
  /** How often it was consumed again; see {@link Reuse}. Set by `consume`, never by `put`; absent for never. */
  readonly reused?: number
  /** The grant this record lives and dies with; see `deleteGrant`. */
  readonly grantId?: string
  readonly clientId?: string
  readonly accountId?: string
  /** Unique within the kind. */
  readonly uid?: string
  /** Unique within the kind. */
  readonly userCode?: string
}

/** `insert` only when absent, `update` only when present (a late save never brings back what was deleted). */
export type PutMode = 'insert' | 'update' | 'upsert'

/** How often, and how long after the first time, a record may be consumed again. */
export interface Reuse {
  /** Milliseconds after the first consumption. */
  readonly within: number
  readonly times: number
}

/** `first`: this call spent the record. `again`: allowed by {@link Reuse}. `refused`: spent before, or absent. */
export type Consumption = 'first' | 'again' | 'refused'

export interface ListQuery {
  readonly kind: string
  readonly clientId?: string
  readonly accountId?: string
  readonly grantId?: string
  /** Only records that expire before this instant. */
  readonly expiresBefore?: number
  /** At most this many records; 1 to 1000. */
  readonly limit: number
  /** The `next` of the page before. */
  readonly after?: string
}

export interface ListPage {
  readonly records: readonly StoredRecord[]
  /** How many more there are on this page that cannot be read, which only a layer above an engine can tell. */
  readonly damaged?: number
  readonly next?: string
}

/** The instant until which the caller waits, in milliseconds of `performance.now()`, which no change of the clock moves.
 * Whatever a verb has not begun to write by then it does not write any more and throws {@link StoreUnavailable}: nobody would
 * learn of it, and what it spends would be lost. */
export type Until = number

export interface Store {
  /** Writes a record durably. Answers whether the mode allowed it; false also for a `uid` or `userCode` that another
   * record of the kind has. An `update` keeps `consumedAt`. */
  put(record: StoredRecord, mode: PutMode, until?: Until): Promise<boolean>
  get(kind: string, id: string): Promise<StoredRecord | undefined>
  find(kind: string, by: 'uid' | 'userCode', value: string): Promise<StoredRecord | undefined>
  /** Spends a record by one conditional write: of any number of concurrent calls exactly one answers `first`. A call that
   * throws may have spent it; a store that can tell takes that back later, since its caller got nothing for it. */
  consume(kind: string, id: string, reuse?: Reuse, until?: Until): Promise<Consumption>
  /** Removes and returns a record by one conditional write: of any number of concurrent calls exactly one gets it. */
  take(kind: string, id: string, until?: Until): Promise<StoredRecord | undefined>
  delete(kind: string, id: string): Promise<boolean>
  /** Deletes every record that carries this grant id, of all kinds, expired ones too: a clock set back revives none. May be
   * done twice. */
  deleteGrant(grantId: string): Promise<void>
  /** Pages through a kind in a stable order. Records written meanwhile may or may not be seen. */
  list(query: ListQuery): Promise<ListPage>
  /** Deletes up to `limit` expired records and answers how many. */
  sweep(limit: number): Promise<number>
  /** How many records of a kind there are, expired ones not counted. */
  count(kind: string): Promise<number>
  /** Resolves when the store can write. @throws {StoreUnavailable} */
  ping(): Promise<void>
  close(): Promise<void>
}

/** A record just as an engine keeps it, expired or not. */
export type StoredRow = StoredRecord

export interface RowPage {
  readonly rows: readonly StoredRow[]
  readonly next?: string
}

/**
 * What an engine can do beside the verbs, for the upkeep of its data: moving it to another engine, sealing it anew,
 * telling how much there is. It lies below the seal and so sees hashes and sealed texts only.
 */
export interface StoreEngine extends Store {
  /** Pages through the rows of all kinds in a stable order, expired ones included. A row that is there all the while is
   * seen once. `limit` is 1 to 1000. */
  scan(query: { readonly limit: number; readonly after?: string }): Promise<RowPage>
  /** Writes at most 1000 rows as `scan` gave them, each unless its id, `uid` or `userCode` is taken. Answers how many
   * were written, so that a move that was cut short can be repeated. */
  restore(rows: readonly StoredRow[]): Promise<number>
  /** Replaces a payload if it is still `from`, by one conditional write, and changes nothing else, not even for an
   * expired row. Answers whether it was. */
  swap(kind: string, id: string, from: string, to: string): Promise<boolean>
  /** How much there is, expired rows included; an estimate will do. */
  size(): Promise<StoreSize>
}

export interface StoreSize {
  readonly records: number
  /** Bytes on the disk, where the engine can tell. */
  readonly bytes?: number
}

/** The latest instant that a record can end at: the last one that a Date knows. */
export const LATEST = 8_640_000_000_000_000

/** For stores: what every engine refuses in the same way. @throws {RangeError} */
export function checkExpiry({ expiresAt }: StoredRecord): void {
  if (expiresAt === undefined || Math.abs(expiresAt) <= LATEST) return
  throw new RangeError('put: `expiresAt` must be a number of milliseconds that a Date can hold')
}

/** For stores: what every engine refuses in the same way. @throws {RangeError} */
export function checkLimit(verb: string, limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return
  throw new RangeError(`${verb}: \`limit\` must be 1 to 1000`)
}

/** Every verb throws this, and nothing else, when the engine cannot answer. It becomes 503 with `Retry-After`. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** Whether an error is a {@link StoreUnavailable}, also one of another copy of this package. */
export function isStoreUnavailable(error: unknown): error is StoreUnavailable {
  return error instanceof Error && error.name === 'StoreUnavailable'
}
