/** The upkeep of the MongoDB store: sweeping, and the verbs of `StoreEngine`. */
import type { Collection, Db, Filter } from 'mongodb'
import type { RowPage, StoredRow, StoreSize } from '../../store.ts'
import { text } from '../text.ts'
import { type Document, toDocument, toRecord } from './document.ts'
import { isDuplicate } from './put.ts'

/** Deletes up to `limit` documents that expired before `now`: those only, even if one is written anew meanwhile. */
export async function sweep(records: Collection<Document>, now: number, limit: number): Promise<number> {
  const expired = { exp: { $lte: new Date(now) } }
  const found = await records.find(expired).project<Pick<Document, '_id'>>({ _id: 1 }).limit(limit).toArray()
  if (found.length === 0) return 0
  const ids = found.map(({ _id }) => _id)
  return (await records.deleteMany({ _id: { $in: ids }, ...expired })).deletedCount
}

export async function scan(
  records: Collection<Document>,
  { limit, after }: { limit: number; after?: string },
): Promise<RowPage> {
  const filter: Filter<Document> = after === undefined ? {} : { _id: { $gt: after } }
  const found = await records.find(filter).sort({ _id: 1 }).limit(limit).toArray()
  const last = found.at(-1)
  const rows = found.map(toRecord)
  return found.length === limit && last ? { rows, next: last._id } : { rows }
}

export async function restore(records: Collection<Document>, rows: readonly StoredRow[]): Promise<number> {
  if (rows.length === 0) return 0
  // Unordered, so one that is taken keeps no other from being written.
  const writes = rows.map((row) => ({ insertOne: { document: toDocument(row) } }))
  try {
    return (await records.bulkWrite(writes, { ordered: false })).insertedCount
  } catch (error) {
    // Counted here, because the driver's own count includes those that were refused.
    const { writeErrors = [] } = error as { writeErrors?: readonly unknown[] }
    if (writeErrors.length === 0 || !writeErrors.every(isDuplicate)) throw error
    return rows.length - writeErrors.length
  }
}

export async function swap(records: Collection<Document>, key: string, from: string, to: string): Promise<boolean> {
  return (await records.updateOne({ _id: key, p: text(from) }, { $set: { p: text(to) } })).matchedCount === 1
}

export async function size(records: Collection<Document>, db: Db): Promise<StoreSize> {
  const count = await records.estimatedDocumentCount()
  const stats = await db.command({ dbStats: 1 }).catch(() => undefined)
  const bytes = Number(stats?.storageSize ?? 0) + Number(stats?.indexSize ?? 0)
  return bytes > 0 ? { records: count, bytes } : { records: count }
}
