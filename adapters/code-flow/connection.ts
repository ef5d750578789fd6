/**
 * What an IdP publishes about itself: its discovery document and its keys.
 *
 * Owns fetching, judging and remembering them. What is done with them is left to `code-flow.ts`.
 */
import { createRemoteJWKSet, customFetch as jwksFetch } from 'jose'
import * as oidc from 'openid-client'
import { type Host, LoginRefused } from '../../src/adapter.ts'
import { hostFetch, type LibraryFetch } from './refusals.ts'

export interface ServerOptions {
  readonly host: Host
  /** The issuer whose discovery document names all endpoints (OpenID Connect Discovery 1.0 section 4). */
  readonly server: URL
  readonly clientId: string
  /** Allows plain http to the IdP. For loopback in tests and development. */
  readonly allowInsecure?: boolean | undefined
  /** Whether the discovered issuer is the right one. By default it must equal `server`. */
  readonly acceptIssuer?: (issuer: string) => boolean
}

export interface Connection {
  readonly metadata: oidc.ServerMetadata
  /** The issuer as discovered. */
  readonly issuer: string
  readonly keys: ReturnType<typeof createRemoteJWKSet>
  /** The same keys, fetched once in half a minute at most. */
  readonly logoutKeys: ReturnType<typeof createRemoteJWKSet>
  /** openid-client set up for one request: with a credential, and with a `fetch` of its own if need be. */
  configure(authenticate: oidc.ClientAuth, fetch?: LibraryFetch): oidc.Configuration
}

/** Seconds by which clocks may differ. */
export const SKEW_SECONDS = 60
const DISCOVERY_MAX_AGE_MS = 24 * 60 * 60 * 1000

/** Discovers when first asked. One discovery at a time; a success is kept for a day, a failure not at all. */
export function connector(options: ServerOptions): () => Promise<Connection> {
  let current: Promise<Connection> | undefined
  let since = 0
  return () => {
    const now = options.host.now().getTime()
    if (current && now - since < DISCOVERY_MAX_AGE_MS) return current
    const attempt = discover(options)
    attempt.catch(() => {
      if (current === attempt) current = undefined
    })
    since = now
    current = attempt
    return attempt
  }
}

/** Where the discovery document is. */
export function discoveryUrl(server: URL): URL {
  return new URL(`${server.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
}

async function discover(options: ServerOptions): Promise<Connection> {
  const { host, server, clientId, allowInsecure, acceptIssuer } = options
  const fetch = hostFetch(host)
  const client = { [oidc.clockTolerance]: SKEW_SECONDS }
  // Given the issuer, openid-client demands that very one; given the document itself, it leaves the issuer to us.
  const url = acceptIssuer ? discoveryUrl(server) : server
  const discovered = await oidc.discovery(url, clientId, client, oidc.None(), {
    [oidc.customFetch]: fetch,
    ...(allowInsecure && { execute: [oidc.allowInsecureRequests] }),
  })
  const metadata = discovered.serverMetadata()
  const { issuer, jwks_uri: jwksUri, authorization_endpoint, token_endpoint } = metadata
  if (acceptIssuer && !acceptIssuer(issuer)) throw new LoginRefused('invalid', `${url.href} names the issuer ${issuer}`)
  // Before the document is remembered: one bad answer must not last for a day.
  const endpoints = { authorization_endpoint, token_endpoint, jwks_uri: jwksUri }
  for (const [name, endpoint] of Object.entries(endpoints)) requireEndpoint(name, endpoint, options)
  // No pause between fetches, so that a key rotated in the middle of a sign-in is found: these tokens come from the IdP's
  // token endpoint. Logout tokens come from anybody, who must not make us fetch for each key id that they think of.
  const keys = createRemoteJWKSet(new URL(jwksUri ?? ''), { [jwksFetch]: fetch, cooldownDuration: 0 })
  const logoutKeys = createRemoteJWKSet(new URL(jwksUri ?? ''), { [jwksFetch]: fetch })
  return {
    metadata,
    issuer,
    keys,
    logoutKeys,
    configure(authenticate, ownFetch = fetch) {
      const config = new oidc.Configuration(metadata, clientId, client, authenticate)
      config[oidc.customFetch] = ownFetch
      if (allowInsecure) oidc.allowInsecureRequests(config)
      return config
    },
  }
}

/** https; plain http only where the issuer itself may use it, and then only on the issuer's own host.
 * @throws {LoginRefused} `invalid` */
export function requireEndpoint(
  name: string,
  endpoint: string | undefined,
  { server, allowInsecure }: Pick<ServerOptions, 'server' | 'allowInsecure'>,
): URL {
  const url = new URL(endpoint ?? 'about:blank')
  const { protocol, hostname } = url
  if (protocol === 'https:' || (allowInsecure && protocol === 'http:' && hostname === server.hostname)) return url
  throw new LoginRefused('invalid', `the ${name} in the metadata of ${server.origin} is missing or not https`)
}
