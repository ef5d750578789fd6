/** The answers a protected resource gives instead of serving: status, `WWW-Authenticate` (RFC 6750 section 3) and body. */

/** `scope-token` of RFC 6749 section 3.3. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export function isScopeToken(value: string): boolean {
  return SCOPE_TOKEN.test(value)
}

/**
 * A request that must not be served. Answer it with `status`, `headers` and `body` as JSON.
 *
 * - 400 the request carries more than one credential
 * - 401 no token, or one that is not valid here
 * - 403 a valid token that lacks a scope
 * - 503 the issuer's keys cannot be fetched, so no token can be judged; `Retry-After` is in seconds
 */
export class Challenge extends Error {
  override readonly name = 'Challenge'
  readonly status: 400 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error?: string; readonly error_description: string }

  constructor(
    status: Challenge['status'],
    headers: Readonly<Record<string, string>>,
    body: Challenge['body'],
    options?: ErrorOptions,
  ) {
    super(body.error_description, options)
    this.status = status
    this.headers = headers
    this.body = body
  }
}

/** Whether an error is a {@link Challenge}, also one of another copy of this package. */
export function isChallenge(error: unknown): error is Challenge {
  return error instanceof Error && error.name === 'Challenge' && 'headers' in error && 'status' in error
}

export interface BearerParams {
  readonly metadataUrl: string
  readonly scopes: readonly string[]
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope'
  readonly description: string
}

const STATUS = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const

/** A challenge of the Bearer scheme. Without `error` it only says that a token is needed (RFC 6750 section 3.1). */
export function bearerChallenge({ metadataUrl, scopes, error, description }: BearerParams, cause?: unknown): Challenge {
  const params = [
    ...(error ? [`error=${quoted(error)}`, `error_description=${quoted(description)}`] : []),
    // Scopes come from tokens too. One that does not fit the grammar is left out instead of escaped.
    ...(scopes.some(isScopeToken) ? [`scope=${quoted(scopes.filter(isScopeToken).join(' '))}`] : []),
    `resource_metadata=${quoted(metadataUrl)}`,
  ]
  return new Challenge(
    error ? STATUS[error] : 401,
    { 'WWW-Authenticate': `Bearer ${params.join(', ')}`, 'Cache-Control': 'no-store' },
    { ...(error ? { error } : {}), error_description: description },
    { cause },
  )
}

/** The issuer cannot be asked for its keys. A 401 would make clients throw away tokens that are good. */
export function unavailable(cause: unknown): Challenge {
  return new Challenge(
    503,
    { 'Retry-After': '5', 'Cache-Control': 'no-store' },
    {
      error: 'temporarily_unavailable',
      error_description: 'The keys of the authorization server cannot be fetched at the moment.',
    },
    { cause },
  )
}

/** A quoted string of the characters that RFC 6750 section 3 allows in one, so that no value can end it or the header. */
function quoted(value: string): string {
  return `"${value.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '')}"`
}
