/** Writing a record under the three modes, each step one conditional write to one document. */
import type { Collection, Filter, UpdateFilter } from 'mongodb'
import type { PutMode, StoredRecord } from '../../store.ts'
import { type Attempt, refuseLate } from './attempts.ts'
import { alive, type Document, FIELDS, fields, fresh, keyOf } from './document.ts'

/** `blocked`: another document has the id, the uid or the user code. */
type Outcome = 'written' | 'absent' | 'blocked'

/** How often a write that met another one looks again what to do. */
const LOOKS = 4
const DUPLICATE = 11_000

export interface Writing extends Attempt {
  readonly mode: PutMode
  /** Of this call alone. */
  readonly mark: string
  readonly now: number
}

/** Answers whether the mode allowed it. An `insert` may be called again with the same mark: it is done once. */
export async function put(records: Collection<Document>, record: StoredRecord, writing: Writing): Promise<boolean> {
  for (let look = 1; look <= LOOKS; look++) {
    const outcome = await write(records, record, writing)
    if (outcome !== 'blocked') return outcome === 'written'
    // What stands in the way may be expired, and then it is not there.
    if (await dropExpired(records, record, writing.now)) continue
    if (writing.mode === 'insert') return inserted(records, record, writing)
    // Or, for an upsert, it is this record, and came this moment.
    return writing.mode === 'upsert' && (await write(records, record, { ...writing, mode: 'update' })) === 'written'
  }
  return false
}

/** Whether what stands in the way is what this call inserted before its connection broke. */
async function inserted(
  records: Collection<Document>,
  { kind, id }: StoredRecord,
  { attempt, mark }: Writing,
): Promise<boolean> {
  return attempt > 1 && (await records.findOne({ _id: keyOf(kind, id), b: mark })) !== null
}

export function isDuplicate(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === DUPLICATE
}

async function write(
  records: Collection<Document>,
  record: StoredRecord,
  { mode, mark, now, end }: Writing,
): Promise<Outcome> {
  refuseLate({ end })
  try {
    if (mode !== 'insert') {
      const { matchedCount } = await records.updateOne(
        { _id: keyOf(record.kind, record.id), ...alive(now) },
        replacement(record),
      )
      if (matchedCount === 1) return 'written'
      if (mode === 'update') return 'absent'
    }
    await records.insertOne({ ...fresh(record), b: mark })
    return 'written'
  } catch (error) {
    if (isDuplicate(error)) return 'blocked'
    throw error
  }
}

/** Every field of a record, and no word about whether it was consumed. */
function replacement(record: StoredRecord): UpdateFilter<Document> {
  const $set = fields(record)
  const absent = FIELDS.filter((name) => $set[name] === undefined)
  if (absent.length === 0) return { $set }
  return { $set, $unset: Object.fromEntries(absent.map((name) => [name, 1])) }
}

/** Answers whether something made room. */
async function dropExpired(
  records: Collection<Document>,
  { kind, id, uid, userCode }: StoredRecord,
  now: number,
): Promise<boolean> {
  const holders: Filter<Document>[] = [{ _id: keyOf(kind, id) }]
  if (uid !== undefined) holders.push({ u: keyOf(kind, uid) })
  if (userCode !== undefined) holders.push({ uc: keyOf(kind, userCode) })
  const { deletedCount } = await records.deleteMany({ $or: holders, exp: { $lte: new Date(now) } })
  return deletedCount > 0
}
