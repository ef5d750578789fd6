/**
 * The layer between `provider/` and any store: ids and index values go down as keyed hashes, payloads as sealed texts.
 * What comes back up is what was put in. A dump of the store holds no value that works anywhere.
 *
 * It leaves to the store below: kinds, times and counts, which stay readable, and every guarantee about writes; and to
 * `ring.ts` which secret is used.
 */
import {
  type ListPage,
  type ListQuery,
  type Store,
  type StoredRecord,
  type StoreEngine,
  StoreUnavailable,
} from '../store.ts'
import { SealBroken } from './cipher.ts'
import type { Ring } from './ring.ts'

export { SealBroken } from './cipher.ts'

/** Hashed without the kind, because one grant, client or account has records of many kinds. */
const SHARED = ['grantId', 'clientId', 'accountId'] as const
/** Unique within their kind, so hashed with it. */
const OWN = ['uid', 'userCode'] as const
const INDEXES = [...SHARED, ...OWN] as const

type Index = (typeof INDEXES)[number]
type Indexes = { [Name in Index]?: string }

/** What a sealed payload holds: the record without what the store itself keeps. */
interface Contents extends Indexes {
  readonly id: string
  readonly payload: string
  /** Absent for a record that never ends, and in records of the first version. */
  readonly expiresAt?: number
}

const OTHER_SECRET =
  'A record is sealed with a secret that is not configured here; put it back under previousSecrets and run "consulate keys rotate-secret".'

export interface SealedStore extends Store {
  /** Replaces the payload of a record that was read here, by one conditional write: only if the record is still as it was
   * read. Keeps all that is beside the payload. Answers the record as it is now, or nothing when it was not. */
  replace(record: StoredRecord, payload: string): Promise<StoredRecord | undefined>
}

/** Wraps a store so that only hashes and sealed texts reach it. `get`, `find` and `take` throw {@link SealBroken} for a
 * record that cannot be opened; `list` leaves it out and counts it, lest one keeps somebody from all the others. */
export function sealStore(store: Store & Pick<StoreEngine, 'swap'>, ring: Ring): SealedStore {
  /** What lies in the store of a record that was read: the only proof that it is still the same. */
  const rows = new WeakMap<StoredRecord, StoredRecord>()

  const hashId = (kind: string, id: string) => ring.hash(['id', kind], id)
  const hashShared = (name: (typeof SHARED)[number], value: string) => ring.hash([name], value)
  const hashOwn = (name: (typeof OWN)[number], kind: string, value: string) => ring.hash([name, kind], value)

  const seal = (record: StoredRecord): StoredRecord => {
    const contents: Indexes = {}
    const hashed: Indexes = {}
    for (const name of SHARED) {
      const value = record[name]
      if (value === undefined) continue
      contents[name] = value
      hashed[name] = hashShared(name, value)
    }
    for (const name of OWN) {
      const value = record[name]
      if (value === undefined) continue
      contents[name] = value
      hashed[name] = hashOwn(name, record.kind, value)
    }
    const id = hashId(record.kind, record.id)
    // As engines keep it, which is without a fraction.
    const end = record.expiresAt === undefined ? {} : { expiresAt: Math.floor(record.expiresAt) }
    const plain = JSON.stringify({ ...contents, ...end, id: record.id, payload: record.payload } satisfies Contents)
    return { kind: record.kind, id, payload: ring.writer.seal(['record', record.kind, id], plain), ...hashed, ...end }
  }

  /** Opens a record and checks that it is the one that was asked for: the index fields beside it are not sealed. */
  const open = (row: StoredRecord, asked: Readonly<Indexes> = {}): StoredRecord => {
    if (!ring.knows(row.payload)) throw new StoreUnavailable(OTHER_SECRET)
    const plain = ring.open(['record', row.kind, row.id], row.payload)
    const { expiresAt, ...contents } = JSON.parse(plain) as Contents
    if (expiresAt !== undefined && expiresAt !== row.expiresAt) {
      throw new SealBroken('The end of a sealed record was changed beside it.')
    }
    for (const name of INDEXES) {
      if (asked[name] !== undefined && asked[name] !== contents[name]) {
        throw new SealBroken(`The ${name} beside a sealed record is not the one inside it.`)
      }
    }
    const record = {
      ...contents,
      kind: row.kind,
      ...(row.expiresAt === undefined ? {} : { expiresAt: row.expiresAt }),
      ...(row.consumedAt === undefined ? {} : { consumedAt: row.consumedAt }),
      ...(row.reused === undefined ? {} : { reused: row.reused }),
    }
    rows.set(record, row)
    return record
  }

  const openIfWhole = (row: StoredRecord, asked: Readonly<Indexes>): StoredRecord | undefined => {
    try {
      return open(row, asked)
    } catch (error) {
      if (error instanceof SealBroken) return undefined
      throw error
    }
  }

  return {
    put: (record, mode, until) => ring.writing(() => store.put(seal(record), mode, until)),
    async get(kind, id) {
      const row = await store.get(kind, hashId(kind, id))
      return row && open(row)
    },
    async find(kind, by, value) {
      const row = await store.find(kind, by, hashOwn(by, kind, value))
      return row && open(row, { [by]: value })
    },
    async replace(record, payload) {
      const row = rows.get(record)
      if (!row) throw new TypeError('replace: the record was not read from this store')
      return ring.writing(async () => {
        const sealed = { ...row, payload: seal({ ...record, payload }).payload }
        return (await store.swap(row.kind, row.id, row.payload, sealed.payload)) ? open(sealed) : undefined
      })
    },
    consume: (kind, id, reuse, until) => store.consume(kind, hashId(kind, id), reuse, until),
    async take(kind, id, until) {
      const row = await store.take(kind, hashId(kind, id), until)
      return row && open(row)
    },
    delete: (kind, id) => store.delete(kind, hashId(kind, id)),
    deleteGrant: (grantId) => store.deleteGrant(hashShared('grantId', grantId)),
    async list(query) {
      const asked: Indexes = {}
      const hashed: Indexes = {}
      for (const name of SHARED) {
        const value = query[name]
        if (value === undefined) continue
        asked[name] = value
        hashed[name] = hashShared(name, value)
      }
      const page = await store.list({ ...query, ...hashed, ...openCursor(ring, query) })
      const records = page.records.flatMap((row) => openIfWhole(row, asked) ?? [])
      const damaged = page.records.length - records.length
      return sealCursor(ring, query.kind, { ...page, records, ...(damaged === 0 ? undefined : { damaged }) })
    },
    sweep: (limit) => store.sweep(limit),
    count: (kind) => store.count(kind),
    ping: () => ring.writing(() => store.ping()),
    close: () => store.close(),
  }
}

/** Seals the payload of a row as it lies in the engine with the secret in use. @throws {SealBroken} */
export function resealed(ring: Ring, { kind, id, payload }: StoredRecord): string {
  const context = ['record', kind, id]
  return ring.writer.seal(context, ring.open(context, payload))
}

// Cursors reach admin pages and their URLs. Those of a store may hold its ids.
function sealCursor(ring: Ring, kind: string, page: ListPage): ListPage {
  return page.next === undefined ? page : { ...page, next: ring.writer.seal(['cursor', kind], page.next) }
}

function openCursor(ring: Ring, query: ListQuery): { after?: string } {
  if (query.after === undefined) return {}
  try {
    return { after: ring.open(['cursor', query.kind], query.after) }
  } catch (cause) {
    throw new RangeError('list: `after` is not a cursor of this store', { cause })
  }
}
