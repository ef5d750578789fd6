/** What a list asks for, as SQL. */
import type { ListQuery } from '../../store.ts'
import { text } from '../text.ts'
import type { Value } from './driver.ts'
import { LIVE } from './rows.ts'

export function chosen(query: ListQuery, now: number): { readonly where: string; readonly values: readonly Value[] } {
  const where = ['kind = ?', LIVE]
  const values: Value[] = [text(query.kind), now]
  const narrow = (condition: string, value: Value | undefined) => {
    if (value === undefined) return
    where.push(condition)
    values.push(typeof value === 'string' ? text(value) : value)
  }
  narrow('client_id = ?', query.clientId)
  narrow('account_id = ?', query.accountId)
  narrow('grant_id = ?', query.grantId)
  narrow('expires_at < ?', query.expiresBefore)
  narrow('id > ?', query.after)
  return { where: where.join(' AND '), values }
}
