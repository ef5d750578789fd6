/** Bounds on what one client may ask: requests a minute, the length of the address, and the time a socket may take. */
import cluster from 'node:cluster'
import { createHmac, randomBytes } from 'node:crypto'
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import ipaddr from 'ipaddr.js'
import { RateLimiterCluster, RateLimiterClusterMaster, RateLimiterMemory } from 'rate-limiter-flexible'
import { Failure } from '../errors.ts'
import type { Middleware } from './state.ts'

export interface RateLimitOptions {
  /** Named in the log. */
  readonly name: string
  readonly perMinute: number
  /** Only these methods count; all when absent. */
  readonly methods?: readonly string[]
}

/** Bytes of path and query. Authorization requests stay far below it; intermediaries begin to cut above it. */
const MAX_TARGET = 8192
const MAX_FIELDS = 100

/** Constructor options of the `http.Server`; Node takes these only there. */
export const SERVER_OPTIONS = {
  maxHeaderSize: 16_384,
  // Node looks for late requests at this interval; with its 30 s the limits below would be thrice as long.
  connectionsCheckingInterval: 2000,
} as const

/**
 * Counts requests by `ctx.state.address`, IPv6 addresses by their /64, which is what one subscriber gets.
 *
 * Memory is bounded: addresses are spread over 65 536 counters by a hash under a random key, so that nobody can grow
 * the table, or pick the counter of somebody else.
 *
 * @throws {Failure} `too_many_requests`, with `Retry-After` in seconds on the answer
 */
export function rateLimit({ name, perMinute, methods }: RateLimitOptions): Middleware {
  const limiter = openLimiter({ keyPrefix: name, points: perMinute, duration: 60 })
  const key = counterKey()
  return async (ctx, next) => {
    if (methods === undefined || methods.includes(ctx.method)) {
      const group = addressGroup(ctx.state.address)
      const counter = createHmac('sha256', key).update(group).digest().readUInt16BE(0)
      try {
        await limiter(counter)
      } catch (refusal) {
        if (!isRefusal(refusal)) throw refusal
        ctx.set('Retry-After', String(Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))))
        throw new Failure('too_many_requests', `limit "${name}": more than ${perMinute} requests a minute by ${group}`)
      }
    }
    await next()
  }
}

/** Not by its class: what comes from another process is a plain object. */
function isRefusal(refusal: unknown): refusal is { readonly msBeforeNext: number } {
  return typeof refusal === 'object' && refusal !== null && 'msBeforeNext' in refusal
}

/** Milliseconds that the counting process may take to answer a worker. */
const COUNT_MS = 500

/** In one of several workers the counting is done by their primary, so that together they allow what one would. Should
 * it not answer, a worker counts for itself rather than to refuse everybody. */
function openLimiter(options: { keyPrefix: string; points: number; duration: number }) {
  const alone = new RateLimiterMemory(options)
  if (!cluster.isWorker) return (counter: number) => alone.consume(counter)
  const together = new RateLimiterCluster({ ...options, timeoutMs: COUNT_MS })
  return async (counter: number) => {
    try {
      return await together.consume(counter)
    } catch (refusal) {
      if (refusal instanceof Error) return alone.consume(counter)
      throw refusal
    }
  }
}

/** For the primary process of workers. It may be called once more. */
export function countForWorkers(): void {
  process.env[COUNTER_KEY] = randomBytes(32).toString('base64url')
  new RateLimiterClusterMaster()
}

/** Workers inherit the environment of their primary. They must agree on the counter of an address. */
const COUNTER_KEY = 'CONSULATE_COUNTER_KEY'

function counterKey(): Buffer {
  const shared = cluster.isWorker ? process.env[COUNTER_KEY] : undefined
  return shared === undefined ? randomBytes(32) : Buffer.from(shared, 'base64url')
}

/** The address, or for IPv6 its network of 64 bits. */
function addressGroup(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const network = [...parsed.toByteArray().slice(0, 8), ...new Array<number>(8).fill(0)]
  return `${ipaddr.fromByteArray(network).toString()}/64`
}

/** Refuses addresses of more than 8 KB, and more than 100 header fields. @throws {Failure} `bad_request` */
export function limitTarget(): Middleware {
  return (ctx, next) => {
    if (ctx.req.rawHeaders.length > 2 * MAX_FIELDS) {
      throw new Failure('bad_request', `the request has more than ${MAX_FIELDS} header fields`)
    }
    if (Buffer.byteLength(ctx.req.url ?? '') > MAX_TARGET) {
      throw new Failure('bad_request', `the request target is longer than ${MAX_TARGET} bytes`)
    }
    return next()
  }
}

/** Bounds what a socket can hold on to, and answers what is not HTTP. Create the server with {@link SERVER_OPTIONS}. */
export function hardenServer(server: Server): void {
  server.headersTimeout = 10_000
  // For the request only, body included. Answers, event streams among them, take as long as they need.
  server.requestTimeout = 15_000
  server.keepAliveTimeout = 5000
  // No limit: Node drops what exceeds it in silence, and the last field may be the `X-Forwarded-For` of our own proxy.
  // The size bounds them here, and `limitTarget()` refuses too many.
  server.maxHeadersCount = 0
  server.maxRequestsPerSocket = 1000
  server.maxConnections = 10_000

  const answers = new WeakMap<object, ServerResponse>()
  server.on('request', (req, res) => answers.set(req.socket, res))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const answer = answers.get(socket)
    const begun = answer?.headersSent === true && !answer.writableFinished
    if (begun || !socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    socket.end(`HTTP/1.1 ${statusLine(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    // The other side may never close its half.
    setTimeout(() => socket.destroy(), 500).unref()
  })
}

function statusLine(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout'
  return '400 Bad Request'
}
