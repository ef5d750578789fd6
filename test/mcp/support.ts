/** A stand-in for the issuer: its metadata, its keys and tokens signed with them. No more than a resource can see of it. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose'

export interface Listening {
  readonly url: string
  close(): Promise<void>
}

/** Listens on a free loopback port. */
export async function listen(listener: RequestListener): Promise<Listening> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const RESOURCE = 'https://mcp.example.com/mcp'

type Key = Awaited<ReturnType<typeof generateKeyPair>>

export interface Issuer extends Listening {
  readonly jwks: JSONWebKeySet
  readonly key: Key
  /** Requests that arrived, by path. */
  readonly requests: string[]
  /** What the metadata document says differently. */
  metadata: Record<string, unknown>
  down: boolean
}

export async function issuer(path = ''): Promise<Issuer> {
  const key = await generateKeyPair('ES256', { extractable: true })
  const jwks = { keys: [{ ...(await exportJWK(key.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }
  const requests: string[] = []
  const server = await listen((req, res) => {
    requests.push(req.url ?? '')
    const documents: Record<string, unknown> = {
      [`/.well-known/oauth-authorization-server${path}`]: { ...base, ...state.metadata },
      [`${path}/jwks`]: jwks,
    }
    const document = documents[req.url ?? '']
    if (state.down || !document) res.writeHead(state.down ? 503 : 404).end()
    else res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  const url = server.url + path
  const base = { issuer: url, jwks_uri: `${url}/jwks` }
  const state: Issuer = { url, jwks, key, requests, metadata: {}, down: false, close: server.close }
  return state
}

export interface Minting {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly key?: Parameters<SignJWT['sign']>[0]
}

export const now = (): number => Math.floor(Date.now() / 1000)

/** An access token that is right in every respect, but for what is given. A claim of undefined is left out. */
export function mint(from: Pick<Issuer, 'url' | 'key'>, { claims, header, key }: Minting = {}): Promise<string> {
  return new SignJWT({
    iss: from.url,
    aud: RESOURCE,
    sub: 'user-1',
    client_id: 'client-1',
    jti: 'token-1',
    iat: now(),
    exp: now() + 600,
    scope: 'demo:read',
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header })
    .sign(key ?? from.key.privateKey)
}
