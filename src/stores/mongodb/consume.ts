/** Spending a record: one conditional write for its first use, and one for each that is allowed after it. */
import type { Collection } from 'mongodb'
import type { Consumption, Reuse } from '../../store.ts'
import { type Attempt, refuseLate } from './attempts.ts'
import { alive, type Document } from './document.ts'

export interface Spending extends Attempt {
  readonly at: number
  /** Of this call alone, so that an attempt after the first one knows what the one before has done. */
  readonly mark: string
  readonly reuse?: Reuse | undefined
}

export async function consume(
  records: Collection<Document>,
  _id: string,
  { at, mark, attempt, end, reuse }: Spending,
): Promise<Consumption> {
  const first = await records.updateOne({ _id, at: { $exists: false }, ...alive(at) }, { $set: { at, b: mark } })
  if (first.modifiedCount === 1) return 'first'
  if (reuse) {
    refuseLate({ end })
    const others = { b: { $ne: mark }, c: { $ne: mark } }
    const window = { at: { $gt: at - reuse.within }, r: { $lt: reuse.times }, ...others }
    const again = await records.updateOne({ _id, ...window, ...alive(at) }, { $inc: { r: 1 }, $set: { c: mark } })
    if (again.modifiedCount === 1) return 'again'
  }
  const mine = attempt > 1 ? await records.findOne({ _id, $or: [{ b: mark }, { c: mark }] }) : null
  if (!mine) return 'refused'
  return mine.b === mark ? 'first' : 'again'
}
