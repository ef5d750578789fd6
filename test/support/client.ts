/** An MCP client as tests need one: each request of the protocol on its own, so that any of them can be bent. */
import { createHash, randomBytes } from 'node:crypto'
import { Browser, type Choices, type Visit, walk } from '../../src/demo/driver.ts'

export const LOOPBACK_REDIRECT = 'http://localhost:49152/callback'

export interface Registered {
  readonly client_id: string
  readonly client_secret?: string
  readonly redirect_uris: readonly string[]
  readonly [member: string]: unknown
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly id_token?: string
}

export interface Answer<T = Record<string, unknown>> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface Request {
  readonly verifier: string
  readonly state: string
  readonly redirectUri: string
  readonly url: URL
}

export async function postJson<T = Record<string, unknown>>(url: string, body: unknown): Promise<Answer<T>> {
  return answer(
    await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  )
}

export async function postForm<T = Record<string, unknown>>(
  url: string,
  form: Readonly<Record<string, string>> | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  return answer(await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) }))
}

async function answer<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as T }
}

/** Registers a public client, or whatever `metadata` says instead. */
export async function register(issuer: string, metadata: Record<string, unknown> = {}): Promise<Registered> {
  const { status, body } = await postJson<Registered>(`${issuer}/register`, {
    client_name: 'Test client',
    redirect_uris: [LOOPBACK_REDIRECT],
    token_endpoint_auth_method: 'none',
    ...metadata,
  })
  if (status !== 201) throw new Error(`registration answered ${status}: ${JSON.stringify(body)}`)
  return body
}

/** The address that a client opens in the browser. A parameter set to undefined is left out. */
export function authorizationRequest(
  issuer: string,
  client: Pick<Registered, 'client_id' | 'redirect_uris'>,
  changes: Record<string, string | undefined> = {},
): Request {
  const verifier = randomBytes(32).toString('base64url')
  const parameters: Record<string, string | undefined> = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0],
    state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${issuer}/demo/mcp`,
    ...changes,
  }
  const url = new URL(`${issuer}/authorize`)
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return { verifier, state: parameters.state ?? '', redirectUri: parameters.redirect_uri ?? '', url }
}

/** A browser that stops at the redirect URI of a request. */
export function browserFor(request: Pick<Request, 'redirectUri'>): Browser {
  const stop = new URL(request.redirectUri)
  return new Browser({
    until: (url) => url.protocol === stop.protocol && url.host === stop.host && url.pathname === stop.pathname,
  })
}

/** Approves, signs in and answers where the client was sent. */
export async function signIn(request: Request, choices: Choices = {}, browser = browserFor(request)): Promise<URL> {
  const visit: Visit = await walk(browser, request.url, choices)
  if (visit.page) throw new Error(`the sign-in ended at “${visit.page.title}” with status ${visit.page.status}`)
  return visit.url
}

export function exchange<T = Tokens>(
  issuer: string,
  client: Registered,
  request: Request,
  code: string,
  changes: Record<string, string> = {},
): Promise<Answer<T>> {
  return postForm<T>(`${issuer}/token`, {
    grant_type: 'authorization_code',
    client_id: client.client_id,
    ...(client.client_secret ? { client_secret: client.client_secret } : undefined),
    code,
    redirect_uri: request.redirectUri,
    code_verifier: request.verifier,
    resource: `${issuer}/demo/mcp`,
    ...changes,
  })
}

export function refresh<T = Tokens>(
  issuer: string,
  client: Registered,
  refreshToken: string,
  changes: Record<string, string> = {},
): Promise<Answer<T>> {
  return postForm<T>(`${issuer}/token`, {
    grant_type: 'refresh_token',
    client_id: client.client_id,
    ...(client.client_secret ? { client_secret: client.client_secret } : undefined),
    refresh_token: refreshToken,
    ...changes,
  })
}

/** The whole way from a registered client to its tokens. */
export async function obtainTokens(
  issuer: string,
  client: Registered,
  changes: Record<string, string | undefined> = {},
  choices: Choices = {},
): Promise<Tokens> {
  const request = authorizationRequest(issuer, client, changes)
  const back = await signIn(request, choices)
  const code = back.searchParams.get('code')
  if (!code) throw new Error(`no code: ${back.search}`)
  const { status, body } = await exchange(
    issuer,
    client,
    request,
    code,
    changes.resource ? { resource: changes.resource } : {},
  )
  if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${JSON.stringify(body)}`)
  return body
}
