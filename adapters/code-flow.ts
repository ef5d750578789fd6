/**
 * The authorization code flow towards an OpenID provider, shared by all adapters. This file is public as
 * `consulate/code-flow`.
 *
 * Owns discovery, the redirect, every check of the answer, and the words for what went wrong: state, nonce and PKCE S256
 * are always sent and always checked, so no adapter can forget one. Leaves to the adapter who the verified claims name.
 */
import { createRemoteJWKSet, type JWTPayload, customFetch as jwksFetch, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { type Claims, type Host, type Identity, type IdpAdapter, type Login, LoginRefused } from '../src/adapter.ts'
import { hostFetch, refusing } from './refusals.ts'

export interface OidcFlowOptions {
  readonly host: Host
  /** The issuer whose discovery document names all endpoints (OpenID Connect Discovery 1.0 section 4). */
  readonly server: URL
  readonly clientId: string
  /** Absent for a public client, which PKCE alone protects. */
  readonly clientSecret?: string | undefined
  /** How the secret is sent. By default `client_secret_basic`, unless the IdP lists other methods only. */
  readonly clientSecretMethod?: ClientSecretMethod | undefined
  readonly scopes: readonly string[]
  /** Allows plain http to the IdP. For loopback in tests and development. */
  readonly allowInsecure?: boolean | undefined
  /** Whether the discovered issuer is the right one. By default it must equal `server`. */
  readonly acceptIssuer?: (issuer: string) => boolean
  /** Whether to ask the userinfo endpoint, if there is one, for what the ID token lacks. By default not. */
  readonly needsUserInfo?: (claims: IdTokenClaims) => boolean
  /** Names the user. @throws {LoginRefused} to turn the user away. */
  readonly identify: (user: VerifiedUser) => Identity | Promise<Identity>
}

export type ClientSecretMethod = 'client_secret_basic' | 'client_secret_post'

/** Claims of a verified ID token, with those of userinfo added where it has none of that name. */
export type IdTokenClaims = JWTPayload & { readonly iss: string; readonly sub: string }

export interface VerifiedUser {
  readonly claims: IdTokenClaims
  /** The issuer as discovered. */
  readonly issuer: string
  /** The published key whose id the token names, with all its members. */
  readonly signingKey: Readonly<Record<string, unknown>> | undefined
}

interface Connection {
  readonly config: oidc.Configuration
  readonly issuer: string
  readonly keys: ReturnType<typeof createRemoteJWKSet>
}

/** Asymmetric algorithms only: `none` proves nothing, and HS* would make the public key or our secret a signing key. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const SKEW_SECONDS = 60
/** An ID token that answers a sign-in is new. Some IdPs date it back by five minutes, Entra among them. */
const MAX_TOKEN_AGE_SECONDS = 15 * 60
const DISCOVERY_MAX_AGE_MS = 24 * 60 * 60 * 1000

/** The `start` and `finish` of an adapter. Makes no request until a user signs in. */
export function oidcFlow(options: OidcFlowOptions): Pick<IdpAdapter, 'start' | 'finish'> {
  const { host, scopes, identify } = options
  const connect = remembered(host, () => discover(options))

  return {
    start: (login) =>
      refusing(async () => {
        const { config } = await connect()
        return { kind: 'redirect', url: oidc.buildAuthorizationUrl(config, authorizationParameters(login, scopes)) }
      }),
    finish: (login, callback) =>
      refusing(async () => {
        const current = callbackUrl(login, callback)
        const { config, issuer, keys } = await connect()
        const tokens = await oidc.authorizationCodeGrant(config, current, {
          expectedState: login.state,
          expectedNonce: login.nonce,
          pkceCodeVerifier: login.codeVerifier,
          idTokenExpected: true,
        })
        // For a token it fetched itself, openid-client compares the claims and leaves the signature to TLS. We do not.
        const { claims, signingKey } = await verifySignature(tokens.id_token ?? '', keys, host)
        const incomplete = config.serverMetadata().userinfo_endpoint && options.needsUserInfo?.(claims)
        const more = incomplete ? await oidc.fetchUserInfo(config, tokens.access_token, claims.sub) : {}
        return identify({ claims: { ...more, ...claims }, issuer, signingKey })
      }),
  }
}

/** The claims that OpenID Connect Core section 5.1 names, and groups, as far as they have the right type. */
export function standardClaims(claims: IdTokenClaims, groupsClaim = 'groups'): Claims {
  const { name, email, email_verified: emailVerified, preferred_username: username, [groupsClaim]: groups } = claims
  return {
    ...(isText(name) && { name }),
    ...(isText(email) && { email }),
    ...(isText(email) && typeof emailVerified === 'boolean' && { emailVerified }),
    ...(isText(username) && { username }),
    ...(Array.isArray(groups) && groups.every(isText) && { groups }),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** One discovery at a time; a success is kept for a day, a failure not at all. */
function remembered(host: Host, connect: () => Promise<Connection>): () => Promise<Connection> {
  let current: Promise<Connection> | undefined
  let since = 0
  return () => {
    const now = host.now().getTime()
    if (current && now - since < DISCOVERY_MAX_AGE_MS) return current
    const attempt = connect()
    attempt.catch(() => {
      if (current === attempt) current = undefined
    })
    since = now
    current = attempt
    return attempt
  }
}

async function discover(options: OidcFlowOptions): Promise<Connection> {
  const { server, allowInsecure, acceptIssuer } = options
  const fetch = hostFetch(options.host)
  // Given the issuer, openid-client demands that very one; given the document itself, it leaves the issuer to us.
  const url = acceptIssuer ? new URL(`${server.href.replace(/\/$/, '')}/.well-known/openid-configuration`) : server
  const metadata = { [oidc.clockTolerance]: SKEW_SECONDS }
  const config = await oidc.discovery(url, options.clientId, metadata, clientAuthentication(options), {
    [oidc.customFetch]: fetch,
    ...(allowInsecure && { execute: [oidc.allowInsecureRequests] }),
  })
  const { issuer, jwks_uri: jwksUri, authorization_endpoint, token_endpoint } = config.serverMetadata()
  if (acceptIssuer && !acceptIssuer(issuer)) throw new LoginRefused('invalid', `${url.href} names the issuer ${issuer}`)
  // Before the document is remembered: one bad answer must not last for a day.
  const endpoints = { authorization_endpoint, token_endpoint, jwks_uri: jwksUri }
  for (const [name, endpoint] of Object.entries(endpoints)) requireEndpoint(name, endpoint, options)
  // No pause between fetches, so that a key rotated in the middle of a sign-in is found. Only the token endpoint of the
  // IdP hands us tokens; nobody else can make us fetch.
  const keys = createRemoteJWKSet(new URL(jwksUri ?? ''), { [jwksFetch]: fetch, cooldownDuration: 0 })
  return { config, issuer, keys }
}

/** https; plain http only where the issuer itself may use it, and then only on the issuer's own host. */
function requireEndpoint(name: string, endpoint: string | undefined, { server, allowInsecure }: OidcFlowOptions): void {
  const { protocol, hostname } = new URL(endpoint ?? 'about:blank')
  if (protocol === 'https:' || (allowInsecure && protocol === 'http:' && hostname === server.hostname)) return
  throw new LoginRefused('invalid', `the ${name} in the metadata of ${server.origin} is missing or not https`)
}

/** The method is chosen at the first token request, when the metadata is known (OpenID Connect Discovery section 3). */
function clientAuthentication({ clientSecret, clientSecretMethod }: OidcFlowOptions): oidc.ClientAuth {
  if (clientSecret === undefined) return oidc.None()
  const basic = oidc.ClientSecretBasic(clientSecret)
  const post = oidc.ClientSecretPost(clientSecret)
  return (server, client, body, headers) => {
    const offered = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const method = clientSecretMethod ?? (offered.includes('client_secret_basic') ? 'client_secret_basic' : undefined)
    return (method === 'client_secret_basic' ? basic : post)(server, client, body, headers)
  }
}

function authorizationParameters(login: Login, scopes: readonly string[]): Record<string, string> {
  const { loginHint, prompt, claims } = login.hints
  return {
    redirect_uri: login.redirectUri.href,
    response_mode: 'query',
    scope: scopes.join(' '),
    state: login.state,
    nonce: login.nonce,
    code_challenge: login.codeChallenge,
    code_challenge_method: 'S256',
    ...(loginHint && { login_hint: loginHint }),
    ...(prompt && { prompt }),
    ...(claims && { claims }),
  }
}

/** The answer as it would arrive at the registered redirect URI, whatever a proxy made of the request's own. */
function callbackUrl(login: Login, callback: Request): URL {
  if (callback.method !== 'GET') throw new LoginRefused('invalid', `the callback came as ${callback.method}`)
  const url = new URL(login.redirectUri)
  url.search = new URL(callback.url).search
  const names = [...url.searchParams.keys()]
  if (new Set(names).size < names.length) throw new LoginRefused('invalid', 'the callback repeats a parameter')
  return url
}

async function verifySignature(
  idToken: string,
  keys: Connection['keys'],
  host: Host,
): Promise<Pick<VerifiedUser, 'claims' | 'signingKey'>> {
  const { payload, protectedHeader } = await jwtVerify<IdTokenClaims>(idToken, keys, {
    algorithms: ALGORITHMS,
    clockTolerance: SKEW_SECONDS,
    currentDate: host.now(),
    maxTokenAge: MAX_TOKEN_AGE_SECONDS,
    requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'nonce'],
  })
  const { kid } = protectedHeader
  const key = kid ? keys.jwks()?.keys.find((each) => each.kid === kid) : undefined
  return { claims: payload, signingKey: key && { ...key } }
}
