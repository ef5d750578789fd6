/**
 * The resource side of OAuth for an MCP server: metadata (RFC 9728), bearer check (RFC 6750, RFC 9068) and challenges.
 * This folder is public as `consulate/mcp` and imports of the issuer nothing but `url.ts`, so that a server on another
 * machine can use it. Issuing tokens is left to the issuer, MCP itself to the MCP SDK.
 *
 * ```ts
 * import { protectedResource } from 'consulate/mcp'
 * const auth = protectedResource({ issuer: 'https://id.example.com', resource: 'https://mcp.example.com/mcp' })
 * app.use(auth.guard)
 * ```
 */
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { type BearerParams, bearerChallenge, isScopeToken, unavailable } from './challenge.ts'
import { createGuard, type Guard } from './guard.ts'
import { KeysUnavailable, keySource } from './keys.ts'
import {
  metadataUrl,
  publicScopes,
  type ResourceMetadata,
  requireScopeTokens,
  requireSecureUrl,
  resourceMetadata,
} from './metadata.ts'
import { type AccessClaims, type AuthInfo, TokenRejected, verifyAccessToken } from './verify.ts'

export { Challenge, isChallenge } from './challenge.ts'
export type { Guard, Guarded } from './guard.ts'
export { metadataUrl, type ResourceMetadata } from './metadata.ts'
export type { AccessClaims, AuthInfo } from './verify.ts'

export interface ProtectedResourceOptions {
  /** The issuer identifier, exactly as the issuer publishes it. */
  readonly issuer: string
  /** The URL of this MCP server as clients know it: the audience of its tokens. */
  readonly resource: string
  /** Published as `scopes_supported`. MCP wants those of basic use; clients ask for more when a challenge names it. */
  readonly scopes?: readonly string[]
  /** Scopes that every request needs. A 401 names them, so that a client asks for no more at first. */
  readonly requiredScopes?: readonly string[]
  readonly name?: string
  /** A page for developers, published as `resource_documentation`. */
  readonly documentation?: string
  /** The issuer's keys when they are at hand in this process. Otherwise they are fetched with the first token. */
  readonly jwks?: JSONWebKeySet | JWTVerifyGetKey
  /** Let pages of any origin call this server. On by default: a browser never sends a bearer token by itself. */
  readonly cors?: boolean
}

export interface ProtectedResource {
  readonly metadata: ResourceMetadata
  /** Where {@link ProtectedResource.metadata} is published; `guard` does so. */
  readonly metadataUrl: string
  /**
   * Checks the value of an `Authorization` header.
   * @param options.scopes needed beside `requiredScopes`
   * @throws {Challenge} the answer to give instead
   */
  verify(authorization: string | undefined, options?: { readonly scopes?: readonly string[] }): Promise<AuthInfo>
  /**
   * Asks for more scopes once the caller is known, for instance for one tool.
   * @throws {Challenge} 403 `insufficient_scope`, naming the scopes the token has and those it lacks
   */
  requireScopes(auth: AuthInfo, scopes: readonly string[]): void
  /**
   * The same for the `scopeChallenge` of a tool, resource or prompt of the MCP SDK 2, which then answers 403 before the
   * tool runs.
   */
  scopeChallenge(...scopes: readonly [string, ...string[]]): ScopeChallengeHandler
  readonly guard: Guard
}

/** The shape of the MCP SDK's `ScopeChallengeHandler`. */
export type ScopeChallengeHandler = (context: {
  readonly authInfo?: { readonly scopes: readonly string[] }
}) => { scopes: [string, ...string[]] } | undefined

// RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1).
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** Describes one MCP server to its clients and checks their tokens. Does no I/O.
 * @throws {TypeError} when an option cannot be used */
export function protectedResource(options: ProtectedResourceOptions): ProtectedResource {
  requireSecureUrl(options.issuer, 'issuer')
  const resource = new URL(options.resource)
  if (!/^https?:$/.test(resource.protocol) || options.resource.includes('#')) {
    throw new TypeError(`resource must be an http or https URL without a fragment: ${options.resource}`)
  }
  const required = options.requiredScopes ?? []
  requireScopeTokens([...(options.scopes ?? []), ...required], 'scopes')
  const keys = keySource(options.issuer, options.jwks)
  const metadata = resourceMetadata(options)
  const url = metadataUrl(options.resource)
  const challenge = (params: Omit<BearerParams, 'metadataUrl' | 'scopes'>, cause?: unknown) =>
    bearerChallenge({ metadataUrl: url, scopes: publicScopes(required), ...params }, cause)

  async function claimsOf(token: string): Promise<AccessClaims> {
    try {
      return await verifyAccessToken(token, { issuer: options.issuer, resource: options.resource, keys })
    } catch (error) {
      if (error instanceof KeysUnavailable) throw unavailable(error)
      if (error instanceof TokenRejected) {
        throw challenge({ error: 'invalid_token', description: error.message }, error)
      }
      throw error
    }
  }

  async function verify(authorization: string | undefined, { scopes = [] }: { scopes?: readonly string[] } = {}) {
    // Nothing sent, or another scheme: the client may not know yet that a token is needed, so it is not told of an error.
    if (!/^Bearer +\S/i.test(authorization ?? '')) throw challenge({ description: 'An access token is needed.' })
    const token = BEARER.exec(authorization ?? '')?.[1]
    if (!token) throw challenge({ error: 'invalid_token', description: 'The Authorization header is malformed.' })
    const claims = await claimsOf(token)
    const info: AuthInfo = {
      token,
      clientId: claims.client_id,
      scopes: claims.scope.split(' ').filter(isScopeToken),
      expiresAt: claims.exp,
      resource: new URL(resource),
      resourceMetadataUrl: url,
      extra: claims,
    }
    requireScopes(info, [...required, ...scopes])
    return info
  }

  function requireScopes(auth: AuthInfo, scopes: readonly string[]): void {
    const wanted = widened(auth.scopes, scopes)
    if (!wanted) return
    const lacking = scopes.filter((scope) => !auth.scopes.includes(scope))
    throw bearerChallenge({
      metadataUrl: url,
      scopes: wanted,
      error: 'insufficient_scope',
      description: `This needs the scope ${lacking.join(' ')}.`,
    })
  }

  function scopeChallenge(...scopes: readonly [string, ...string[]]): ScopeChallengeHandler {
    requireScopeTokens(scopes, 'scopeChallenge')
    return ({ authInfo }) => {
      const [first, ...rest] = widened(authInfo?.scopes ?? [], scopes) ?? []
      return first === undefined ? undefined : { scopes: [first, ...rest] }
    }
  }

  const guard = createGuard({
    metadata,
    metadataUrl: url,
    cors: options.cors ?? true,
    verify,
    ambiguous: () =>
      challenge({ error: 'invalid_request', description: 'More than one Authorization header was sent.' }),
  })
  return { metadata, metadataUrl: url, verify, requireScopes, scopeChallenge, guard }
}

/**
 * The scopes to ask for: those held and those needed, or undefined when nothing is lacking. A client that asked only for
 * what it lacks would lose what it has (SEP-2350).
 */
function widened(held: readonly string[], needed: readonly string[]): string[] | undefined {
  return needed.every((scope) => held.includes(scope)) ? undefined : publicScopes([...held, ...needed])
}
