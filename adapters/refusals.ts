/**
 * What can go wrong between us and an IdP, as the one error of the contract.
 *
 * Owns the choice of the reason, and messages fit for a log. What is checked is left to `code-flow.ts`.
 */
import { AuthorizationResponseError, ResponseBodyError } from 'openid-client'
import { type Host, isLoginRefused, LoginRefused } from '../src/adapter.ts'

type LibraryFetch = (url: string, init: LibraryInit) => Promise<Response>

/** What openid-client and jose hand to their `fetch`. */
interface LibraryInit {
  readonly method: string
  readonly headers: Headers | Record<string, string>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Answers at the redirect or token endpoint that are a decision of the user or of the IdP, not a fault. */
const DENIALS = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'login_required',
])
const OUTAGES = new Set(['server_error', 'temporarily_unavailable'])

/**
 * `host.fetch` in the form that openid-client and jose call.
 *
 * @throws {LoginRefused} `unavailable` when there is no answer, or none worth reading (5xx, 429).
 */
export function hostFetch(host: Host): LibraryFetch {
  return async (url, { method, headers, body, signal }) => {
    const { origin } = new URL(url)
    const response = await host
      .fetch(url, {
        method,
        headers: Object.fromEntries(new Headers(headers)),
        ...(body instanceof URLSearchParams && { body }),
        ...(signal && { signal }),
      })
      .catch((error: unknown) => {
        throw new LoginRefused('unavailable', `no answer from ${origin}: ${messageOf(error)}`)
      })
    if (response.status < 500 && response.status !== 429) return response
    throw new LoginRefused('unavailable', `${origin} answered with status ${response.status}`)
  }
}

/** Runs a step of a sign-in; whatever it throws becomes a {@link LoginRefused}. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw refusalOf(error)
  }
}

/** Keeps words only: the errors of openid-client carry tokens, codes and claims, which must not reach a log. */
function refusalOf(error: unknown): LoginRefused {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (isLoginRefused(cause)) return cause
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const reason = DENIALS.has(error.error) ? 'denied' : OUTAGES.has(error.error) ? 'unavailable' : 'invalid'
    return new LoginRefused(reason, `the IdP answered ${printable(`${error.error} ${error.error_description ?? ''}`)}`)
  }
  return new LoginRefused('invalid', messageOf(error))
}

function messageOf(error: unknown): string {
  // A SyntaxError quotes the text it could not parse.
  if (!(error instanceof Error) || error instanceof SyntaxError) return 'the answer cannot be read'
  const { cause } = error
  const detail = cause instanceof Error && !(cause instanceof SyntaxError) ? cause.message : ''
  return printable(detail && detail !== error.message ? `${error.message}: ${detail}` : error.message)
}

function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return line.trim().slice(0, 300)
}
