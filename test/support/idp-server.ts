/**
 * A fake IdP behind a real HTTP server on loopback, and a `fetch` that gets there through the guarded fetch of the
 * product. Only the origin of a request is changed on its way, so an adapter may have any address built in.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import type { Fetch } from '../../src/adapter.ts'
import { guardedFetch } from '../../src/idp/fetch.ts'
import type { Endpoint, FakeIdp } from './fake-idp.ts'

/** Answers in place of the IdP. `correct` is what the IdP would have answered. */
export type WireFault = (context: {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly correct: () => Promise<Response>
}) => void | Promise<void>

export interface IdpServer {
  readonly fetch: Fetch
  /** Requests to a redirect's target. None may ever arrive there. */
  readonly strayed: string[]
  /** What each endpoint does in place of answering. */
  readonly faults: Map<Endpoint, WireFault>
  /** Endpoints whose requests go to a port where nobody listens. */
  readonly gone: Set<Endpoint>
  /** Endpoints that are given little time. */
  readonly hurried: Set<Endpoint>
  count(endpoint: Endpoint): number
  close(): Promise<void>
}

// As the issuer has it, with a time limit that a busy machine does not reach.
const LIMITS = { maxBytes: 1024 * 1024, allowPrivate: true } as const
const patient = guardedFetch({ ...LIMITS, timeoutMs: 15_000 })
const hasty = guardedFetch({ ...LIMITS, timeoutMs: 100 })

export async function idpServer(idp: FakeIdp): Promise<IdpServer> {
  const arrived: Endpoint[] = []
  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const server: IdpServer = {
    strayed: [],
    faults: new Map(),
    gone: new Set(),
    hurried: new Set(),
    count: (endpoint) => arrived.filter((each) => each === endpoint).length,
    async fetch(input, init) {
      const url = new URL(input)
      const endpoint = idp.endpointOf(url)
      const base = server.gone.has(endpoint) ? await unusedOrigin() : origin
      const fetch = server.hurried.has(endpoint) ? hasty : patient
      return fetch(`${base}/${url.host}${url.pathname}${url.search}`, init)
    },
    async close() {
      http.closeAllConnections()
      await new Promise((done) => http.close(done))
    },
  }
  return server

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    const elsewhere = path.startsWith('/elsewhere/')
    if (elsewhere) server.strayed.push(path)
    const url = new URL(`https:/${elsewhere ? path.slice('/elsewhere'.length) : path}`)
    const endpoint = idp.endpointOf(url)
    const correct = () => forward(url, request)
    const fault = elsewhere ? undefined : server.faults.get(endpoint)
    arrived.push(endpoint)
    if (fault) return fault({ request, response, correct })
    await send(await correct(), response)
  }

  async function forward(url: URL, request: IncomingMessage): Promise<Response> {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const text = (await request.toArray()).join('')
    return idp.fetch(url, {
      method: request.method ?? 'GET',
      headers,
      ...(text && { body: new URLSearchParams(text) }),
    })
  }
}

/** Writes a `Response` to a connection. */
export async function send(answer: Response, response: ServerResponse, body?: Uint8Array): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.end(body ?? new Uint8Array(await answer.arrayBuffer()))
}

/** Where nobody listens: a port that was free a moment ago. */
async function unusedOrigin(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return `http://127.0.0.1:${port}`
}
