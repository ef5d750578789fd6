/**
 * The layer between `provider/` and any store: ids and index values go down as keyed hashes, payloads as sealed texts.
 * What comes back up is what was put in. A dump of the store holds no value that works anywhere.
 *
 * It leaves to the store below: kinds, times and counts, which stay readable, and every guarantee about writes.
 */
import type { ListPage, ListQuery, Store, StoredRecord } from '../store.ts'
import { type Cipher, createCipher, SealBroken } from './cipher.ts'

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
}

/** Wraps a store so that only hashes and sealed texts reach it. `get`, `find`, `take` and `list` throw
 * {@link SealBroken} for a record that cannot be opened. */
export function sealStore(store: Store, secret: string): Store {
  const cipher = createCipher(secret)
  const hashId = (kind: string, id: string) => cipher.hash(['id', kind], id)
  const hashShared = (name: (typeof SHARED)[number], value: string) => cipher.hash([name], value)
  const hashOwn = (name: (typeof OWN)[number], kind: string, value: string) => cipher.hash([name, kind], value)

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
    const plain = JSON.stringify({ ...contents, id: record.id, payload: record.payload } satisfies Contents)
    const sealed = { kind: record.kind, id, payload: cipher.seal(['record', record.kind, id], plain), ...hashed }
    return record.expiresAt === undefined ? sealed : { ...sealed, expiresAt: record.expiresAt }
  }

  /** Opens a record and checks that it is the one that was asked for: the index fields beside it are not sealed. */
  const open = (row: StoredRecord, asked: Readonly<Indexes> = {}): StoredRecord => {
    const plain = cipher.open(['record', row.kind, row.id], row.payload)
    const contents = JSON.parse(plain) as Contents
    for (const name of INDEXES) {
      if (asked[name] !== undefined && asked[name] !== contents[name]) {
        throw new SealBroken(`The ${name} beside a sealed record is not the one inside it.`)
      }
    }
    return {
      ...contents,
      kind: row.kind,
      ...(row.expiresAt === undefined ? {} : { expiresAt: row.expiresAt }),
      ...(row.consumedAt === undefined ? {} : { consumedAt: row.consumedAt }),
    }
  }

  return {
    put: (record, mode) => store.put(seal(record), mode),
    async get(kind, id) {
      const row = await store.get(kind, hashId(kind, id))
      return row && open(row)
    },
    async find(kind, by, value) {
      const row = await store.find(kind, by, hashOwn(by, kind, value))
      return row && open(row, { [by]: value })
    },
    consume: (kind, id, reuse) => store.consume(kind, hashId(kind, id), reuse),
    async take(kind, id) {
      const row = await store.take(kind, hashId(kind, id))
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
      const page = await store.list({ ...query, ...hashed, ...openCursor(cipher, query) })
      return sealCursor(cipher, query.kind, { ...page, records: page.records.map((row) => open(row, asked)) })
    },
    sweep: (limit) => store.sweep(limit),
    count: (kind) => store.count(kind),
    ping: () => store.ping(),
    close: () => store.close(),
  }
}

// Cursors reach admin pages and their URLs. Those of a store may hold its ids.
function sealCursor(cipher: Cipher, kind: string, page: ListPage): ListPage {
  return page.next === undefined ? page : { ...page, next: cipher.seal(['cursor', kind], page.next) }
}

function openCursor(cipher: Cipher, query: ListQuery): { after?: string } {
  if (query.after === undefined) return {}
  try {
    return { after: cipher.open(['cursor', query.kind], query.after) }
  } catch (cause) {
    throw new RangeError('list: `after` is not a cursor of this store', { cause })
  }
}

const CANARY = { kind: 'Canary', id: 'secret' } as const

/**
 * Checks, before anything else is read, that the data was sealed with this secret; the first use of a store records it.
 * @throws {Error} one sentence for the operator when it was another one.
 * @throws {StoreUnavailable}
 */
export async function verifySecret(store: Store, secret: string): Promise<void> {
  const cipher = createCipher(secret)
  const context = [CANARY.kind, CANARY.id]
  if (await store.put({ ...CANARY, payload: cipher.seal(context, 'consulate') }, 'insert')) return
  const canary = await store.get(CANARY.kind, CANARY.id)
  try {
    cipher.open(context, canary?.payload ?? '')
  } catch (cause) {
    throw new Error(
      'secret: the data in the store was sealed with another secret; set that one again, or name an empty store.',
      { cause },
    )
  }
}
