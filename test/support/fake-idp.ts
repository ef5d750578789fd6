/**
 * An OpenID provider that is nothing but a `fetch`: no sockets, one key, and faults that a test switches on; or an IdP of
 * plain OAuth 2.0, which names its user through an API. Correct unless told otherwise: codes work once, for one redirect
 * URI, and only with the verifier of their PKCE challenge; refresh tokens work once (RFC 9700 section 2.2.2).
 */
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import type { Fetch } from '../../src/adapter.ts'

export type ClaimSet = Record<string, unknown>
export type KeyPair = Awaited<ReturnType<typeof generateKeyPair>> & { readonly jwk: JWK & { readonly kid: string } }
export type Endpoint = 'discovery' | 'authorize' | 'token' | 'jwks' | 'userinfo' | 'api'

/** JSON, or a function of the request's URL for anything else. */
export type ApiAnswer = object | ((url: URL) => Response)

export interface FakeIdpOptions {
  readonly issuer: string
  /** Where the discovery document is; below the issuer when absent. */
  readonly server?: string
  readonly clientId: string
  readonly clientSecret: string
  /** The user who signs in: claims of the ID token beside those of the protocol. */
  readonly user: ClaimSet
  /** What the userinfo endpoint tells, beside `sub`. By default nothing. */
  readonly userinfo?: ClaimSet
  /** Who gets a refresh token: everybody, or who asks for offline access, which is the default. */
  readonly refreshTokens?: 'always' | 'offline'
  /** For an IdP without OpenID Connect: where its endpoints are, and what its API answers, by URL without a query. */
  readonly oauth2?: {
    readonly authorization: string
    readonly token: string
    readonly api: Readonly<Record<string, ApiAnswer>>
  }
}

export interface Faults {
  /** Changes the authorization request on its way to us. */
  out?: (request: URL) => void
  /** Changes what the browser brings back. */
  back?: (callback: URL) => void
  /** Seconds by which our clock is ahead. */
  clock?: number
  /** Changes the answer of the token endpoint. */
  tokens?: (answer: ClaimSet) => ClaimSet
  /** Replaces an endpoint's answer, or makes it fail by throwing. Then a refresh token is not spent. */
  answer?: (endpoint: Endpoint, response: Response) => Response | Promise<Response>
  claims?: (claims: ClaimSet) => ClaimSet
  header?: (header: JWTHeaderParameters) => JWTHeaderParameters
  sign?: (claims: ClaimSet, header: JWTHeaderParameters, key: KeyPair) => string | Promise<string>
  /** Hands out tokens without asking for the PKCE verifier. */
  forgetPkce?: boolean
}

export interface SeenRequest {
  readonly endpoint: Endpoint
  readonly method: string
  readonly headers: Headers
  readonly form: URLSearchParams
}

export interface FakeIdp {
  readonly fetch: Fetch
  readonly clientSecret: string
  readonly requests: SeenRequest[]
  /** Everything handed out that must never reach a log. */
  readonly secrets: string[]
  readonly metadata: ClaimSet
  readonly keys: KeyPair[]
  userinfo: ClaimSet
  /** What the API answers, by URL without a query. */
  api: Record<string, ApiAnswer>
  faults: Faults
  user: ClaimSet
  count(endpoint: Endpoint): number
  /** Which endpoint a URL is. @throws {Error} for any other. */
  endpointOf(url: URL): Endpoint
  /** The browser's visit to an authorization URL: the user signs in, and this is where the browser is sent. */
  visit(url: URL): URL
  rotateKeys(): Promise<void>
  /** Ends all sessions: no token is good any more. */
  endSessions(): void
}

// RSA keys take long to make: the first is every provider's own, the others are handed out in turn.
const PAIRS = Array.from({ length: 3 }, () => generateKeyPair('RS256', { extractable: true }))
let handedOut = 0

/** A key that is not the one a provider starts with. `extra` adds members to the published key. */
export async function newKey(extra: JWK = {}): Promise<KeyPair> {
  handedOut += 1
  return describeKey(PAIRS[1 + (handedOut % 2)], extra)
}

async function describeKey(made: (typeof PAIRS)[number] | undefined, extra: JWK = {}): Promise<KeyPair> {
  if (!made) throw new Error('no such key')
  const pair = await made
  return {
    ...pair,
    jwk: { ...(await exportJWK(pair.publicKey)), kid: randomUUID(), alg: 'RS256', use: 'sig', ...extra },
  }
}

export async function fakeIdp(options: FakeIdpOptions): Promise<FakeIdp> {
  const { issuer, clientId, clientSecret, oauth2 } = options
  const at = (path: string) => `${issuer.replace(/\/$/, '')}/${path}`
  const server = options.server ?? issuer.replace(/\/$/, '')
  const codes = new Map<string, URLSearchParams>()
  const refreshTokens = new Set<string>()
  const accessTokens = new Set<string>()
  const idp: FakeIdp = {
    fetch,
    clientSecret,
    requests: [],
    secrets: [clientSecret],
    metadata: {
      issuer,
      authorization_endpoint: oauth2?.authorization ?? at('authorize'),
      token_endpoint: oauth2?.token ?? at('token'),
      jwks_uri: at('jwks'),
      userinfo_endpoint: at('userinfo'),
      response_types_supported: ['code'],
      // More than the adapter may accept, so that its own list is what protects it.
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    },
    keys: [await describeKey(PAIRS[0])],
    userinfo: { ...options.userinfo },
    api: { ...oauth2?.api },
    faults: {},
    user: options.user,
    count: (endpoint) => idp.requests.filter((request) => request.endpoint === endpoint).length,
    endpointOf,
    visit,
    async rotateKeys() {
      idp.keys.splice(0, Number.POSITIVE_INFINITY, await newKey())
    },
    endSessions() {
      refreshTokens.clear()
      accessTokens.clear()
    },
  }
  return idp

  function visit(request: URL): URL {
    const url = new URL(request)
    idp.faults.out?.(url)
    if (`${url.origin}${url.pathname}` !== idp.metadata.authorization_endpoint) throw new Error('not our endpoint')
    const code = randomUUID()
    codes.set(code, url.searchParams)
    const back = new URL(url.searchParams.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', url.searchParams.get('state') ?? '')
    if (idp.metadata.authorization_response_iss_parameter_supported) back.searchParams.set('iss', issuer)
    idp.secrets.push(code)
    idp.faults.back?.(back)
    return back
  }

  async function fetch(...[input, init]: Parameters<Fetch>): Promise<Response> {
    const url = new URL(input)
    const endpoint = endpointOf(url)
    const { method = 'GET', body } = init ?? {}
    const form = new URLSearchParams(body instanceof URLSearchParams ? body : '')
    idp.requests.push({ endpoint, method, headers: new Headers(init?.headers), form })
    const response = await respond(endpoint, url, form, new Headers(init?.headers))
    const answer = (await idp.faults.answer?.(endpoint, response)) ?? response
    if (answer === response) refreshTokens.delete(form.get('refresh_token') ?? '')
    return answer
  }

  function endpointOf(url: URL): Endpoint {
    if (url.href === oauth2?.token) return 'token'
    if (Object.hasOwn(idp.api, `${url.origin}${url.pathname}`)) return 'api'
    const known = oauth2 ? [] : (['token', 'jwks', 'userinfo'] as const)
    if (!oauth2 && url.href === `${server}/.well-known/openid-configuration`) return 'discovery'
    for (const endpoint of known) if (url.href === at(endpoint)) return endpoint
    throw new Error(`the fake IdP has no ${url.href}`)
  }

  async function respond(endpoint: Endpoint, url: URL, form: URLSearchParams, headers: Headers): Promise<Response> {
    if (endpoint === 'api') {
      const known = accessTokens.has(headers.get('authorization')?.replace(/^(bearer|token) /i, '') ?? '')
      if (!known) return new Response('{}', { status: 401 })
      const answer = idp.api[`${url.origin}${url.pathname}`]
      return typeof answer === 'function' ? answer(url) : Response.json(answer)
    }
    if (endpoint === 'discovery') return Response.json(idp.metadata)
    if (endpoint === 'jwks') return Response.json({ keys: idp.keys.map(({ jwk }) => jwk) })
    if (endpoint === 'userinfo') return Response.json({ sub: idp.user.sub, ...idp.userinfo })
    return token(form, headers)
  }

  async function token(form: URLSearchParams, headers: Headers): Promise<Response> {
    if (!authenticated(form, headers)) return Response.json({ error: 'invalid_client' }, { status: 400 })
    if (form.get('grant_type') === 'refresh_token') return refreshed(form.get('refresh_token') ?? '')
    const code = form.get('code') ?? ''
    const request = codes.get(code)
    codes.delete(code)
    const proven =
      idp.faults.forgetPkce ||
      (request?.get('code_challenge_method') === 'S256' &&
        request.get('code_challenge') === s256(form.get('code_verifier') ?? ''))
    if (!request || !proven || request.get('redirect_uri') !== form.get('redirect_uri')) {
      return Response.json({ error: 'invalid_grant', error_description: 'the code is not good' }, { status: 400 })
    }
    const scopes = request.get('scope')?.split(' ') ?? []
    const asked = scopes.includes('offline_access') || request.get('access_type') === 'offline'
    return issue(request.get('nonce'), asked || options.refreshTokens === 'always')
  }

  async function refreshed(token: string): Promise<Response> {
    if (refreshTokens.has(token)) return issue(null, true)
    return Response.json({ error: 'invalid_grant', error_description: 'the session has ended' }, { status: 400 })
  }

  async function issue(nonce: string | null, offline: boolean): Promise<Response> {
    const id_token = oauth2 ? undefined : await idToken(nonce)
    const access_token = randomUUID()
    const refresh_token = offline ? randomUUID() : undefined
    accessTokens.add(access_token)
    if (refresh_token) refreshTokens.add(refresh_token)
    idp.secrets.push(...[access_token, id_token, refresh_token].filter((each) => each !== undefined))
    const answer = { access_token, token_type: 'Bearer', expires_in: 3600, id_token, refresh_token }
    return Response.json(idp.faults.tokens?.(answer) ?? answer)
  }

  function authenticated(form: URLSearchParams, headers: Headers): boolean {
    if (form.get('client_id') === clientId && form.get('client_secret') === clientSecret) return true
    const [scheme, credentials = ''] = headers.get('authorization')?.split(' ') ?? []
    // RFC 6749 section 2.3.1: both halves are form-encoded first.
    const [id, secret] =
      new URLSearchParams(Buffer.from(credentials, 'base64').toString().replace(':', '=')).entries().next().value ?? []
    return scheme === 'Basic' && id === clientId && secret === clientSecret
  }

  async function idToken(nonce: string | null): Promise<string> {
    const [key] = idp.keys
    if (!key) throw new Error('no key')
    const { faults } = idp
    const now = Math.floor(Date.now() / 1000) + (faults.clock ?? 0)
    const own: ClaimSet = { iss: issuer, aud: clientId, iat: now, exp: now + 300, ...(nonce !== null && { nonce }) }
    const claims = faults.claims?.({ ...own, ...idp.user }) ?? { ...own, ...idp.user }
    const plain: JWTHeaderParameters = { alg: 'RS256', kid: key.jwk.kid }
    const header = faults.header?.(plain) ?? plain
    return faults.sign?.(claims, header, key) ?? new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey)
  }
}

const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')
