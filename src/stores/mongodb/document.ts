/** How a record lies in a document. Short names, because every document carries them. */
import type { Filter } from 'mongodb'
import type { StoredRecord, StoredRow } from '../../store.ts'
import { fromText, text } from '../text.ts'

export interface Document {
  /** Kind and id; see {@link keyOf}. */
  readonly _id: string
  /** Kind. */
  readonly k: string
  /** Payload. */
  readonly p: string
  /** Expires at. A date, because that is what the engine's own deletion reads. */
  readonly exp?: Date
  /** Consumed at, in milliseconds. */
  readonly at?: number
  /** How often it was consumed again. */
  readonly r: number
  /** Mark of the call that inserted it or consumed it first, and of the one that consumed it again last: each knows its own
   * work by it. */
  readonly b?: string
  readonly c?: string
  /** Grant, client and account id. */
  readonly g?: string
  readonly cl?: string
  readonly ac?: string
  /** Kind with uid, and kind with user code. Unique, and absent where the record has none. */
  readonly u?: string
  readonly uc?: string
}

/** What `put` writes, present or absent. */
export const FIELDS = ['p', 'exp', 'g', 'cl', 'ac', 'u', 'uc'] as const
export type Fields = Pick<Document, (typeof FIELDS)[number]>

/** Between a kind and what belongs to it. An escaped text begins with it, and has it nowhere else. */
const BREAK = '\u0001'

/** One text for two: no two pairs have the same. */
export function keyOf(kind: string, value: string): string {
  return text(kind) + BREAK + text(value)
}

/** The keys of a kind lie between these two. */
export function keysOf(kind: string): { readonly $gt: string; readonly $lt: string } {
  return { $gt: text(kind), $lt: `${text(kind)}\u0002` }
}

/** What `keyOf` was made from beside the kind. */
function restOf(kind: string, key: string): string {
  return fromText(key.slice(kind.length + BREAK.length))
}

/** True of a document that has not expired by then. */
export function alive(now: number): Filter<Document> {
  return { $or: [{ exp: { $exists: false } }, { exp: { $gt: new Date(now) } }] }
}

export function fields(record: StoredRecord): Fields {
  const { kind, payload, expiresAt, grantId, clientId, accountId, uid, userCode } = record
  return {
    p: text(payload),
    ...(expiresAt === undefined ? undefined : { exp: new Date(Math.floor(expiresAt)) }),
    ...(grantId === undefined ? undefined : { g: text(grantId) }),
    ...(clientId === undefined ? undefined : { cl: text(clientId) }),
    ...(accountId === undefined ? undefined : { ac: text(accountId) }),
    ...(uid === undefined ? undefined : { u: keyOf(kind, uid) }),
    ...(userCode === undefined ? undefined : { uc: keyOf(kind, userCode) }),
  }
}

/** A record that was not consumed yet. */
export function fresh(record: StoredRecord): Document {
  return { _id: keyOf(record.kind, record.id), k: text(record.kind), ...fields(record), r: 0 }
}

/** A row as it was. */
export function toDocument(row: StoredRow): Document {
  const spent = row.consumedAt === undefined ? undefined : { at: row.consumedAt }
  return { ...fresh(row), ...spent, r: row.reused ?? 0 }
}

export function toRecord(document: Document): StoredRecord {
  const { _id, k, p, exp, at, r, g, cl, ac, u, uc } = document
  return {
    kind: fromText(k),
    id: restOf(k, _id),
    payload: fromText(p),
    ...(exp === undefined ? undefined : { expiresAt: exp.getTime() }),
    ...(at === undefined ? undefined : { consumedAt: at }),
    ...(r === 0 ? undefined : { reused: r }),
    ...(g === undefined ? undefined : { grantId: fromText(g) }),
    ...(cl === undefined ? undefined : { clientId: fromText(cl) }),
    ...(ac === undefined ? undefined : { accountId: fromText(ac) }),
    ...(u === undefined ? undefined : { uid: restOf(k, u) }),
    ...(uc === undefined ? undefined : { userCode: restOf(k, uc) }),
  }
}
