import { isLoginRefused, type LoginRefused, type Refusal } from '../adapter.ts'

/** What `read` takes from an object of an adapter; undefined when that breaks on being read. A refusal stays a refusal
 * without the rest of it. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const REASONS: Readonly<Record<Refusal, true>> = { denied: true, not_allowed: true, unavailable: true, invalid: true }

/** The refusal that an adapter threw, if it is one. */
export function refusalOf(thrown: unknown): LoginRefused | undefined {
  return readable(() => (isLoginRefused(thrown) ? thrown : undefined))
}

/** `invalid` for a reason that is none of the contract. */
export function reasonOf(refused: LoginRefused): Refusal {
  const reason: unknown = readable(() => refused.reason)
  return isReason(reason) ? reason : 'invalid'
}

function isReason(reason: unknown): reason is Refusal {
  return typeof reason === 'string' && Object.hasOwn(REASONS, reason)
}
