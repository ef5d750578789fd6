/** The identity of a protected resource: its canonical URL, its metadata document and where that is published (RFC 9728). */
import { isLoopbackHost, parseUrl } from '../url.ts'
import { isScopeToken } from './challenge.ts'

export interface MetadataOptions {
  readonly issuer: string
  readonly resource: string
  readonly scopes?: readonly string[]
  readonly name?: string
  readonly documentation?: string
}

/** The document of RFC 9728 section 2. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly scopes_supported?: readonly string[]
  readonly resource_name?: string
  readonly resource_documentation?: string
}

/** Builds the document. @throws {TypeError} when a setting cannot be published as it is. */
export function resourceMetadata(options: MetadataOptions): ResourceMetadata {
  const scopes = publicScopes(options.scopes ?? [])
  return {
    resource: options.resource,
    authorization_servers: [options.issuer],
    bearer_methods_supported: ['header'],
    ...(scopes.length > 0 ? { scopes_supported: scopes } : {}),
    ...(options.name === undefined ? {} : { resource_name: options.name }),
    ...(options.documentation === undefined ? {} : { resource_documentation: options.documentation }),
  }
}

/**
 * Scopes as a resource may name them. `offline_access` is a matter between client and authorization server: the MCP
 * specification wants it neither in this document nor in a challenge.
 */
export function publicScopes(scopes: readonly string[]): string[] {
  return [...new Set(scopes)].filter((scope) => scope !== 'offline_access')
}

/** Where the document is published: the well-known path inserted before the resource's own (RFC 9728 section 3.1). */
export function metadataUrl(resource: string): string {
  const url = new URL(resource)
  return `${url.origin}/.well-known/oauth-protected-resource${url.pathname.replace(/\/$/, '')}${url.search}`
}

/** @throws {TypeError} when the URL is not https, or http on a loopback host. */
export function requireSecureUrl(value: string, what: string): URL {
  const url = parseUrl(value)
  if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname)))) {
    throw new TypeError(`${what} must be an https URL, or http on a loopback host: ${value}`)
  }
  return url
}

/** @throws {TypeError} when one of the scopes does not fit RFC 6749 section 3.3. */
export function requireScopeTokens(scopes: readonly string[], what: string): void {
  const wrong = scopes.find((scope) => !isScopeToken(scope))
  if (wrong !== undefined) throw new TypeError(`${what} holds ${JSON.stringify(wrong)}, which is not a scope`)
}
