/** The upkeep of the embedded store, as SQL: sweeping, giving space back, and the verbs of `StoreEngine`. */
import type { RowPage, StoredRow, StoreSize } from '../../store.ts'
import { text } from '../text.ts'
import { COLUMNS, FIELDS, fields, toRecord } from './rows.ts'
import type { Sql } from './sql.ts'

/** Pages given back to the file system by one sweep: 1 MB, some five milliseconds, and more than one sweep frees. */
const PAGES = 250

/** Deletes up to `limit` rows that expired before `now`, and shortens the file by pages that are free. */
export function sweep(sql: Sql, now: number, limit: number): number {
  const expired = 'SELECT row FROM records WHERE expires_at <= ? LIMIT ?'
  const swept = sql.run(`DELETE FROM records WHERE row IN (${expired})`, now, limit)
  if (Number(sql.all('PRAGMA freelist_count')[0]?.freelist_count) > PAGES)
    sql.all(`PRAGMA incremental_vacuum(${PAGES})`)
  return swept
}

/** By the number of the row, which no change of the record changes. */
export function scan(sql: Sql, limit: number, after: string | undefined): RowPage {
  const from = after === undefined ? 0 : Number(after)
  if (!Number.isSafeInteger(from)) throw new RangeError('scan: `after` is not a cursor of this store')
  const found = sql.all(`SELECT ${COLUMNS} FROM records WHERE row > ? ORDER BY row LIMIT ?`, from, limit)
  const rows = found.map(toRecord)
  return found.length === limit ? { rows, next: String(found.at(-1)?.row) } : { rows }
}

export function restore(sql: Sql, rows: readonly StoredRow[]): number {
  const columns = ['kind', 'id', ...FIELDS, 'consumed_at', 'reused']
  const insert = `INSERT INTO records (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
    ON CONFLICT DO NOTHING`
  let written = 0
  for (const row of rows) {
    const spent = [row.consumedAt ?? null, row.reused ?? 0]
    written += sql.run(insert, text(row.kind), text(row.id), ...fields(row), ...spent)
  }
  return written
}

export function swap(sql: Sql, kind: string, id: string, from: string, to: string): boolean {
  const update = 'UPDATE records SET payload = ? WHERE kind = ? AND id = ? AND payload = ?'
  return sql.run(update, text(to), text(kind), text(id), text(from)) === 1
}

export function size(sql: Sql): StoreSize {
  const pragma = (name: string) => Number(sql.all(`PRAGMA ${name}`)[0]?.[name])
  const records = Number(sql.all('SELECT count(*) AS n FROM records')[0]?.n)
  return { records, bytes: (pragma('page_count') - pragma('freelist_count')) * pragma('page_size') }
}
