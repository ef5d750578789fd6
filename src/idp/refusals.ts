/** Refusals as an adapter throws them, which may be of any shape and break on being read. What becomes of them is left to
 * `interaction/` and `recheck.ts`. */
import { isLoginRefused, type LoginRefused, type Refusal } from '../adapter.ts'
import { readable } from '../errors.ts'

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
