/** The IdP of R7, on a port of its own: an OpenID provider that answers wrongly on demand, and two companies beside it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export type Place = 'discovery' | 'token' | 'jwks'
export interface Fault {
  readonly name: string
  readonly place: Place
  /** Answers in place of the provider. */
  readonly answer?: (res: ServerResponse, req: IncomingMessage) => void
  /** Milliseconds that every address takes for its answer, which is good. */
  readonly slow?: number
  /** Bends the ID token. */
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly foreignKey?: boolean
  readonly symmetric?: boolean
  readonly unsigned?: boolean
}

export interface BadIdp {
  readonly origin: string
  readonly clientId: string
  fault: Fault | undefined
  /** Whether the second company is away too. */
  companyDown: boolean
  /** How often either company was asked about a user. */
  asked: number
  stop(): void
}

const big = Buffer.alloc(10 * 1024 * 1024, 'a')
const json = (res: ServerResponse, body: unknown, status = 200) =>
  void res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

/** What any address may answer with. */
const REPLIES: Readonly<Record<string, (res: ServerResponse, req: IncomingMessage) => void>> = {
  'an empty body': (res) => void res.end(),
  HTML: (res) => void res.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Sign in</title>'),
  'truncated JSON': (res) => void res.setHeader('Content-Type', 'application/json').end('{"issuer":"http'),
  'a body cut off': (res, req) => {
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' }).write('{"a":')
    setTimeout(() => req.socket.destroy(), 20)
  },
  '10 MB': (res) => void res.setHeader('Content-Type', 'application/json').end(big),
  'a gzip bomb': (res) =>
    void res
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      .end(gzipSync(Buffer.alloc(64 * 1024 * 1024))),
  'a redirect to itself': (res, req) => void res.writeHead(302, { Location: req.url ?? '/' }).end(),
  null: (res) => json(res, null),
  'an array': (res) => json(res, [1, 2]),
  'numbers for texts': (res) => json(res, { issuer: 1, access_token: 2, id_token: 3, token_type: 4, keys: 5 }),
  '500': (res) => json(res, { error: 'server_error' }, 500),
}

const everywhere = (['discovery', 'token', 'jwks'] as const).flatMap((place) =>
  Object.entries(REPLIES).map(([name, answer]): Fault => ({ name, place, answer })),
)
const past = Math.floor(Date.now() / 1000) - 86_400
const tokens: readonly Fault[] = [
  { name: 'another issuer', claims: { iss: 'https://evil.example' } },
  { name: 'another audience', claims: { aud: 'somebody-else' } },
  { name: 'another nonce', claims: { nonce: 'n' } },
  { name: 'no nonce', claims: { nonce: undefined } },
  { name: 'no subject', claims: { sub: undefined } },
  { name: 'a number for a subject', claims: { sub: 7 } },
  { name: 'an end in the past', claims: { exp: past + 60, iat: past } },
  { name: 'no end', claims: { exp: undefined } },
  { name: 'another azp', claims: { azp: 'somebody-else', aud: ['consulate', 'other'] } },
  { name: 'another key', foreignKey: true },
  { name: 'an unknown kid', header: { kid: 'unknown' }, foreignKey: true },
  { name: 'HS256 by the public key', symmetric: true },
  { name: 'no signature', unsigned: true },
].map((fault): Fault => ({ place: 'token', ...fault, name: `an ID token with ${fault.name}` }))

/** In time at each address and late in all. Between those of the keys, which it gets for the next one although it is late,
 * and those that need them. */
const slow: Fault = { name: 'slow at each address', place: 'jwks', slow: 3000 }
/** Discovery first: what was once found there is remembered. */
export const FAULTS: readonly Fault[] = [...everywhere, slow, ...tokens]
export const OUTAGES: readonly Fault[] = (['discovery', 'token', 'jwks'] as const).flatMap((place): Fault[] => [
  { name: 'no connection', place, answer: (_res, req) => void req.socket.destroy() },
  { name: '30 s of silence', place, answer: (res) => void setTimeout(() => res.end(), 30_000).unref() },
])

export async function startBadIdp(): Promise<BadIdp> {
  const [own, foreign] = await Promise.all([1, 2].map(() => generateKeyPair('RS256', { extractable: true })))
  if (!own || !foreign) throw new Error('no keys')
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'own', alg: 'RS256', use: 'sig' }
  const nonces = new Map<string, string>()
  const server = createServer((req, res) => void answer(req, res).catch(() => req.socket.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const idp: BadIdp = {
    origin,
    clientId: 'consulate',
    fault: undefined,
    companyDown: false,
    asked: 0,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }

  async function idToken(fault: Fault | undefined, nonce: string | undefined): Promise<string> {
    const iat = Math.floor(Date.now() / 1000)
    const own_ = { iss: origin, aud: idp.clientId, sub: 'ada', iat, exp: iat + 300, nonce, ...fault?.claims }
    const claims = JSON.parse(JSON.stringify(own_))
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    if (fault?.unsigned) return `${part({ alg: 'none' })}.${part(claims)}.`
    const alg = fault?.symmetric ? 'HS256' : 'RS256'
    const key = fault?.symmetric ? Buffer.from(JSON.stringify(jwk)) : (fault?.foreignKey ? foreign : own)?.privateKey
    if (!key) throw new Error('no key')
    return new SignJWT(claims).setProtectedHeader({ alg, kid: 'own', ...fault?.header }).sign(key)
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', origin)
    const form = new URLSearchParams((await req.toArray()).join(''))
    const { fault } = idp
    if (url.pathname === '/authorize') {
      const code = Math.random().toString(36)
      nonces.set(code, url.searchParams.get('nonce') ?? '')
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      back.search = new URLSearchParams({ code, state: url.searchParams.get('state') ?? '', iss: origin }).toString()
      return void res.writeHead(302, { Location: back.href }).end()
    }
    const [, company, what] = url.pathname.split('/')
    if (what === 'sign-in' || what === 'refresh') {
      if (what === 'refresh') idp.asked += 1
      if (company === 'second' && idp.companyDown) return void req.socket.destroy()
      const login = form.get('login') ?? ''
      return json(res, { subject: login, claims: { name: login }, secret: login })
    }
    const place = { '/.well-known/openid-configuration': 'discovery', '/token': 'token', '/jwks': 'jwks' }[url.pathname]
    if (fault?.slow && place) await sleep(fault.slow)
    if (fault?.answer && fault.place === place) return fault.answer(res, req)
    if (place === 'jwks') return json(res, { keys: [jwk] })
    if (place === 'token') {
      const id_token = await idToken(fault, nonces.get(form.get('code') ?? ''))
      return json(res, { access_token: 'upstream-access', token_type: 'Bearer', expires_in: 300, id_token })
    }
    json(res, {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      jwks_uri: `${origin}/jwks`,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    })
  }
  return idp
}
