/** How a record lies in a row of the embedded store. */
import { isUtf8 } from 'node:buffer'
import type { StoredRecord } from '../../store.ts'
import { text, fromText as toText } from '../text.ts'
import type { Row, Value } from './driver.ts'

/** The version that `user_version` of the file carries. Raise it with every change of {@link SCHEMA}. */
export const SCHEMA_VERSION = 1

/** A rowid table, because a random text as primary key of the tree itself makes each write touch a page of its own. */
export const SCHEMA = `
  CREATE TABLE records (
    row INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    expires_at INTEGER,
    consumed_at INTEGER,
    reused INTEGER NOT NULL DEFAULT 0,
    grant_id TEXT,
    client_id TEXT,
    account_id TEXT,
    uid TEXT,
    user_code TEXT
  ) STRICT;
  CREATE UNIQUE INDEX records_id ON records (kind, id);
  CREATE UNIQUE INDEX records_uid ON records (kind, uid) WHERE uid IS NOT NULL;
  CREATE UNIQUE INDEX records_user_code ON records (kind, user_code) WHERE user_code IS NOT NULL;
  CREATE INDEX records_grant ON records (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX records_client ON records (kind, client_id, id) WHERE client_id IS NOT NULL;
  CREATE INDEX records_account ON records (kind, account_id, id) WHERE account_id IS NOT NULL;
  CREATE INDEX records_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX records_kind ON records (kind, expires_at);
`

/** True of a row at an instant, which is its one parameter. */
export const LIVE = '(expires_at IS NULL OR expires_at > ?)'

/** The columns that `put` writes beside `kind` and `id`, in the order of {@link fields}. */
export const FIELDS = ['payload', 'expires_at', 'grant_id', 'client_id', 'account_id', 'uid', 'user_code'] as const

const TEXTS = ['kind', 'id', 'payload', 'grant_id', 'client_id', 'account_id', 'uid', 'user_code'] as const

/** What {@link toRecord} reads. Texts come as bytes: libsql ends the whole process at one that is not UTF-8. */
export const COLUMNS = [
  'row, expires_at, consumed_at, reused',
  ...TEXTS.map((name) => `CAST(${name} AS BLOB) AS ${name}`),
].join(', ')

export function fields(record: StoredRecord): Value[] {
  return [
    text(record.payload),
    record.expiresAt === undefined ? null : Math.floor(record.expiresAt),
    optional(record.grantId),
    optional(record.clientId),
    optional(record.accountId),
    optional(record.uid),
    optional(record.userCode),
  ]
}

export function toRecord(row: Row): StoredRecord {
  const record: { -readonly [Key in keyof StoredRecord]: StoredRecord[Key] } = {
    kind: fromText(row.kind),
    id: fromText(row.id),
    payload: fromText(row.payload),
  }
  if (typeof row.expires_at === 'number') record.expiresAt = row.expires_at
  if (typeof row.consumed_at === 'number') record.consumedAt = row.consumed_at
  if (typeof row.reused === 'number' && row.reused > 0) record.reused = row.reused
  if (row.grant_id !== null) record.grantId = fromText(row.grant_id)
  if (row.client_id !== null) record.clientId = fromText(row.client_id)
  if (row.account_id !== null) record.accountId = fromText(row.account_id)
  if (row.uid !== null) record.uid = fromText(row.uid)
  if (row.user_code !== null) record.userCode = fromText(row.user_code)
  return record
}

function optional(value: string | undefined): string | null {
  return value === undefined ? null : text(value)
}

function fromText(value: Row[string] | undefined): string {
  if (!(value instanceof Uint8Array) && !(value instanceof ArrayBuffer)) throw new TypeError('a text is missing')
  const bytes = Buffer.from(value as ArrayBuffer)
  if (!isUtf8(bytes)) throw new TypeError('a text is damaged')
  return toText(bytes.toString('utf8'))
}
