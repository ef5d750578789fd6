/**
 * What can go wrong between us and an IdP, as the one error of the contract.
 *
 * Owns the choice of the reason, and messages fit for a log. What is checked is left to `code-flow.ts`.
 */
import { AuthorizationResponseError, ResponseBodyError } from 'openid-client'
import { type Host, isLoginRefused, LoginRefused } from '../../src/adapter.ts'

export type LibraryFetch = (url: string, init: LibraryInit) => Promise<Response>

/** What openid-client and jose hand to their `fetch`. */
export interface LibraryInit {
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

/** An error as the IdP words it, at the redirect or at the token endpoint (RFC 6749 sections 4.1.2.1 and 5.2). */
export interface IdpError {
  readonly error: string
  readonly description: string
  /** Every member of the answer, for what an IdP adds. */
  readonly members: Readonly<Record<string, unknown>>
}

export interface Meaning {
  /** What an error of this IdP means, for what the general rules cannot know. */
  readonly explain?: ((error: IdpError, recheck: boolean) => LoginRefused | undefined) | undefined
  /** Whether `invalid_grant` means that the user's access has ended, as it does when a refresh token is used. */
  readonly endsAccess?: boolean
}

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
    if (response.status < 500 && response.status !== 429) return withoutProofs(response, headers, body)
    throw new LoginRefused('unavailable', `${origin} answered with status ${response.status}`)
  }
}

/** What a request proves itself with. An IdP that repeats it in an error must not bring it into a log. */
const PROOFS = ['code', 'code_verifier', 'client_secret', 'client_assertion', 'refresh_token']

async function withoutProofs(response: Response, sent: LibraryInit['headers'], body: unknown): Promise<Response> {
  if (!(body instanceof URLSearchParams)) return response
  const { status, statusText, headers } = response
  const text = await response.clone().text()
  const answer = parsed(text)
  // A good answer may well hold the refresh token that it was asked with.
  if (status < 400 && isObject(answer) && !Object.hasOwn(answer, 'error')) return response
  const [, basic = ''] = /^Basic (.+)$/i.exec(new Headers(sent).get('authorization') ?? '') ?? []
  const [, secret = ''] = atob(basic).split(':')
  const proofs = PROOFS.map((name) => body.get(name)).concat(basic, new URLSearchParams(`s=${secret}`).get('s'))
  const known = proofs.filter((proof) => proof !== null && proof !== '').flatMap((proof) => spellings(proof ?? ''))
  // In what the text says, not in how it says it: JSON may write a character in several ways.
  const hidden = answer === undefined ? hide(text, known) : JSON.stringify(withoutAny(answer, known))
  return new Response(hidden, { status, statusText, headers })
}

/** As it is, and as it stands in a form, in a URL and in JSON; the longest first, so that no part of one is left. */
function spellings(proof: string): readonly string[] {
  const inForm = new URLSearchParams({ s: proof }).toString().slice(2)
  const all = new Set([proof, inForm, encodeURIComponent(proof), JSON.stringify(proof).slice(1, -1)])
  return [...all].sort((one, other) => other.length - one.length)
}

function hide(words: string, proofs: readonly string[]): string {
  return proofs.reduce((left, proof) => left.replaceAll(proof, '***'), words)
}

/** The code of an error decides what comes of it: a short secret that is a part of its name must not change it. */
function withoutAny(value: unknown, proofs: readonly string[], name = ''): unknown {
  if (typeof value === 'string') {
    const isCode = name === 'error' && /^[a-z_]+$/.test(value) && !proofs.includes(value)
    return isCode ? value : hide(value, proofs)
  }
  if (Array.isArray(value)) return value.map((each) => withoutAny(each, proofs))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutAny(each, proofs, key)]))
}

/** Undefined when it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Runs a step of a sign-in; whatever it throws becomes a {@link LoginRefused}. */
export async function refusing<T>(work: () => Promise<T>, meaning: Meaning = {}): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw refusalOf(error, meaning)
  }
}

/** Runs what comes after a token was renewed; a refusal carries the new one along, since the old one may be spent.
 * @param secret what `refresh` needs next time */
export async function keeping<T>(secret: string, meaning: Meaning, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { reason, message, cause, advice, challenge } = refusalOf(error, meaning)
    throw new LoginRefused(reason, message, {
      secret,
      ...(cause !== undefined && { cause }),
      ...(advice && { advice }),
      ...(challenge !== undefined && { challenge }),
    })
  }
}

/** The error that the IdP answered with, if that is what this is. */
export function idpErrorOf(thrown: unknown): IdpError | undefined {
  if (thrown instanceof AuthorizationResponseError) {
    return { ...wordsOf(thrown), members: Object.fromEntries(thrown.cause) }
  }
  if (thrown instanceof ResponseBodyError) return { ...wordsOf(thrown), members: thrown.cause }
  return undefined
}

function wordsOf({ error, error_description: description = '' }: AuthorizationResponseError | ResponseBodyError) {
  return { error, description: String(description) }
}

/** What the IdP answered, fit for a log. */
export function idpWords({ error, description }: IdpError): string {
  return `the IdP answered ${printable(`${error} ${description}`)}`
}

/** Keeps words only: the errors of openid-client carry tokens, codes and claims, which must not reach a log. */
function refusalOf(thrown: unknown, { explain, endsAccess }: Meaning): LoginRefused {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) if (isLoginRefused(cause)) return cause
  const answer = idpErrorOf(thrown)
  if (!answer) return new LoginRefused('invalid', messageOf(thrown))
  const { error } = answer
  const denied = DENIALS.has(error) || (endsAccess && error === 'invalid_grant')
  const reason = denied ? 'denied' : OUTAGES.has(error) ? 'unavailable' : 'invalid'
  return explain?.(answer, endsAccess === true) ?? new LoginRefused(reason, idpWords(answer))
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
