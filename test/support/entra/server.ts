/**
 * A process that behaves like Microsoft Entra ID, v2.0, as far as its documentation tells: `node --import tsx
 * test/support/entra/server.ts`. Test support, not a product: nothing here protects anything.
 *
 * Prints one line of JSON, `{ origin }`, when it listens on a free port of 127.0.0.1, and ends with its standard input.
 * It is reached as `http://127.0.0.1:<port>`, or by a fetch that sends `x-cloud` and `x-graph`, the origins that it then
 * says it is. `POST /control` changes the directory, `GET /control` tells which requests were seen.
 *
 * What it does is after public pages of Microsoft, named by their titles in quotes beside what follows them. They are at
 * https://learn.microsoft.com/entra/identity-platform/ (v2-oauth2-auth-code-flow, v2-oauth2-client-creds-grant-flow,
 * v2-protocols-oidc, v2-admin-consent, v2-conditional-access-dev-guide, access-tokens, authentication-national-cloud,
 * certificate-credentials, claims-challenge, id-token-claims-reference, optional-claims, reference-error-codes,
 * refresh-tokens), at https://learn.microsoft.com/entra/ (workload-id/workload-identity-federation,
 * identity/hybrid/connect/how-to-connect-fed-group-claims), and at https://learn.microsoft.com/graph/
 * (api/user-list-transitivememberof, api/directoryobject-getmemberobjects, paging, permissions-overview, throttling).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { adminConsent, authorize, type Shown } from './authorize.ts'
import { apply, newDirectory, PERSONAL_ACCOUNTS } from './directory.ts'
import { Aadsts, errorBody, statusOf } from './errors.ts'
import { answerGraph } from './graph.ts'
import { newKeys } from './id-token.ts'
import { issueTokens, type Place, type Service } from './token.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly parameters: Record<string, string>
}

const SHARED = ['common', 'organizations', 'consumers']
const service: Service = {
  directory: newDirectory(),
  keys: await newKeys(),
  codes: new Map(),
  refreshTokens: new Map(),
  accessTokens: new Map(),
}
const seen: Seen[] = []

async function answer(request: IncomingMessage, response: ServerResponse, origin: string): Promise<void> {
  const url = new URL(request.url ?? '/', origin)
  const text = (await request.toArray()).join('')
  if (url.pathname === '/control') return control(request.method, text, response)

  const { behaviour } = service.directory
  const form = new URLSearchParams(request.method === 'POST' ? text : url.search)
  seen.push({ method: request.method ?? '', path: url.pathname, parameters: Object.fromEntries(form) })
  response.setHeader('date', new Date(Date.now() + behaviour.clockAhead).toUTCString())
  if (behaviour.down) return json(response, behaviour.down, { error: 'server_error' })
  const cloud = String(request.headers['x-cloud'] ?? origin)
  const graph = String(request.headers['x-graph'] ?? origin)
  if (url.pathname.startsWith('/v1.0/')) return graphAnswer(request, response, { url, graph })
  const [, name = '', ...rest] = url.pathname.split('/')
  const place = placeOf(name, { cloud, graph })
  switch (`${request.method} /${rest.join('/')}`) {
    case 'GET /v2.0/.well-known/openid-configuration':
      return json(response, 200, discovery(place))
    case 'GET /discovery/v2.0/keys':
      return json(response, 200, await service.keys.published(place.tenant, cloud, behaviour.keysNameTheirIssuer))
    case 'POST /oauth2/v2.0/token':
      return json(response, 200, await issueTokens(service, place, form))
    case 'GET /oauth2/v2.0/authorize':
      return show(response, authorize(service, place, url.searchParams))
    case 'GET /v2.0/adminconsent':
      return show(response, adminConsent(service, place, url.searchParams))
    default:
      return json(response, 404, { error: 'not_found' })
  }
}

/** A tenant by its id or a domain of it, or a place that stands for many. Unknown ones are AADSTS90002. */
function placeOf(name: string, clouds: Omit<Place, 'tenant'>): Place {
  const { tenants } = service.directory
  if (SHARED.includes(name) || tenants[name]) return { tenant: name, ...clouds }
  const found = Object.entries(tenants).find(([, { domains }]) => domains.includes(name))
  if (!found) throw new Aadsts(90002)
  return { tenant: found[0], ...clouds }
}

/** "OpenID Connect on the Microsoft identity platform", "Sample response". The issuer of `common` and `organizations` is a
 * template, that of `consumers` is of the tenant of personal accounts. */
function discovery({ tenant, cloud, graph }: Place): object {
  const at = (path: string) => `${cloud}/${tenant}/${path}`
  const tid = tenant === 'consumers' ? PERSONAL_ACCOUNTS : SHARED.includes(tenant) ? '{tenantid}' : tenant
  return {
    issuer: `${cloud}/${tid}/v2.0`,
    authorization_endpoint: at('oauth2/v2.0/authorize'),
    token_endpoint: at('oauth2/v2.0/token'),
    jwks_uri: at('discovery/v2.0/keys'),
    end_session_endpoint: at('oauth2/v2.0/logout'),
    userinfo_endpoint: `${graph}/oidc/userinfo`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    msgraph_host: new URL(graph).host,
  }
}

function graphAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { url, graph }: { url: URL; graph: string },
): void {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const grant = service.accessTokens.get(token)
  const person = grant && service.directory.people[grant.login]
  const call = { method: request.method ?? 'GET', url, person, scopes: grant?.scopes ?? [], origin: graph }
  const { status, headers, body } = answerGraph(service.directory, call)
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value)
  json(response, status, body)
}

function control(method: string | undefined, text: string, response: ServerResponse): void {
  if (method === 'DELETE') {
    Object.assign(service.directory, newDirectory())
    for (const memory of [service.codes, service.refreshTokens, service.accessTokens]) memory.clear()
    seen.length = 0
  }
  if (method === 'POST') apply(service.directory as never, JSON.parse(text))
  json(response, 200, seen)
}

function show(response: ServerResponse, next: URL | Shown): void {
  if (next instanceof URL) response.writeHead(302, { location: next.href }).end()
  else response.writeHead(next.status, { 'content-type': 'text/html; charset=utf-8' }).end(next.html)
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', (request, response) => {
    answer(request, response, origin).catch((error: unknown) => {
      if (error instanceof Aadsts) return json(response, statusOf(error), errorBody(error))
      return json(response, 500, { error: 'server_error', error_description: String(error) })
    })
  })
  process.stdout.write(`${JSON.stringify({ origin })}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
