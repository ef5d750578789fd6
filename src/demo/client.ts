/** The demo's side of OAuth: what an MCP client keeps in memory, and the loopback address that receives its answers. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'

/** Keeps everything in memory; the SDK asks for it and hands it over. */
export class DemoClient implements OAuthClientProvider {
  readonly redirectUrl: string
  readonly clientMetadata: OAuthClientMetadata
  client: StoredOAuthClientInformation | undefined
  current: StoredOAuthTokens | undefined
  discovered: OAuthDiscoveryState | undefined
  /** Where the SDK wants to send the user. */
  authorizationUrl: URL | undefined
  #verifier = ''

  constructor(redirectUrl: string) {
    this.redirectUrl = redirectUrl
    this.clientMetadata = {
      client_name: 'Consulate demo',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  state() {
    return randomBytes(16).toString('base64url')
  }

  clientInformation() {
    return this.client
  }

  saveClientInformation(client: StoredOAuthClientInformation) {
    this.client = client
  }

  tokens() {
    return this.current
  }

  saveTokens(tokens: StoredOAuthTokens) {
    this.current = tokens
  }

  redirectToAuthorization(url: URL) {
    this.authorizationUrl = url
  }

  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }

  codeVerifier() {
    return this.#verifier
  }

  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.discovered = state
  }

  discoveryState() {
    return this.discovered
  }
}

export interface Loopback {
  readonly redirectUrl: string
  /**
   * The parameters of the next answer that carries this `state`.
   * @throws {Error} when none comes within `seconds`
   */
  answer(state: string, seconds: number): Promise<URLSearchParams>
  close(): Promise<void>
}

interface Waiting {
  resolve(params: URLSearchParams): void
  reject(reason: Error): void
}

const PAGE =
  '<!doctype html><meta charset="utf-8"><title>Done</title><p>You can close this page and go back to the terminal.'

/** A redirect URI on a free loopback port (RFC 8252 section 7.3). */
export async function loopback(): Promise<Loopback> {
  const waiting = new Map<string, Waiting>()
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://127.0.0.1')
    const found = waiting.get(searchParams.get('state') ?? '')
    if (pathname !== '/callback' || !found) {
      res.writeHead(404).end()
      return
    }
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', connection: 'close' }).end(PAGE)
    found.resolve(searchParams)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    redirectUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    async answer(state, seconds) {
      let timer: NodeJS.Timeout | undefined
      try {
        return await new Promise<URLSearchParams>((resolve, reject) => {
          waiting.set(state, { resolve, reject })
          const late = new Error(`nobody finished the sign-in within ${seconds} seconds`)
          timer = setTimeout(reject, seconds * 1000, late)
        })
      } finally {
        clearTimeout(timer)
        waiting.delete(state)
      }
    },
    async close() {
      for (const { reject } of waiting.values()) reject(new Error('the redirect URI was closed'))
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
