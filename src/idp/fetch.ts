/**
 * The only way out of this program over HTTP: to IdPs, and to the documents that MCP clients point us at.
 *
 * Owns limits on time, size, redirects and address. Which documents are fetched, and what they must say, is left to
 * `adapters/` and `provider/`. Extra roots of trust come from NODE_EXTRA_CA_CERTS, which Node itself reads.
 */
import { lookup as systemLookup } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Agent, fetch } from 'undici'
import type { Fetch, FetchInit } from '../adapter.ts'

export interface GuardOptions {
  /** For the whole exchange: name, connection, headers and body. */
  readonly timeoutMs: number
  /** Of the decoded body. */
  readonly maxBytes: number
  /** Which hosts may have a special-use address (loopback, private, link-local, ...) and may speak plain http. */
  readonly allowPrivate: boolean | ((host: string) => boolean)
  /** Replaces the system's name resolution. */
  readonly lookup?: Lookup
}

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

export type Lookup = (host: string, done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void) => void

/** The shape of the platform's own, so that it serves adapters and oidc-provider alike. */
export type GuardedFetch = Fetch & typeof globalThis.fetch

export type FetchRefusal = 'protocol' | 'address' | 'redirect' | 'size' | 'timeout' | 'network'

/** Why there is no answer. The message names the origin only: paths and queries may hold credentials. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused'
  readonly reason: FetchRefusal

  constructor(reason: FetchRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

// Public by its number, yet it answers virtual machines inside Azure only, with what is meant for them alone.
const AZURE_PLATFORM = '168.63.129.16'
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** Whether an IP address is a plain public one. IPv4-mapped addresses count as the IPv4 address they hold. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  // ipaddr.js calls everything unlisted unicast, for instance ::127.0.0.1; only 2000::/3 is ever assigned (RFC 4291).
  return parsed instanceof ipaddr.IPv6 ? parsed.match(GLOBAL_UNICAST_V6) : parsed.toString() !== AZURE_PLATFORM
}

/** The `fetch` of adapters. An IdP is named by the operator, so it may be at a private address. When it does not answer,
 * there is still time for a page within five seconds. */
export function fetchForIdps(): GuardedFetch {
  return guardedFetch({ timeoutMs: 4000, maxBytes: 1024 * 1024, allowPrivate: true })
}

/**
 * Makes a `fetch` that refuses special-use addresses before any connection is made, never follows a redirect, and
 * bounds time and size. Answers are complete `Response` objects of the platform.
 *
 * @throws {FetchRefused} from every call that has no answer; a status such as 500 is an answer, 3xx is not.
 */
export function guardedFetch(options: GuardOptions): GuardedFetch {
  const { allowPrivate, timeoutMs, maxBytes } = options
  const mayBePrivate = typeof allowPrivate === 'function' ? allowPrivate : () => allowPrivate
  const resolve = options.lookup ?? ((host, done) => systemLookup(host, { all: true, verbatim: true }, done))
  const agent = new Agent({
    connect: { timeout: timeoutMs, lookup: guardedLookup(resolve, mayBePrivate) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })

  return async (input: string | URL | Request, init?: FetchInit | RequestInit) => {
    const request = new Request(input, init as RequestInit)
    const url = new URL(request.url)
    checkUrl(url, mayBePrivate)
    const deadline = limitTo(timeoutMs, init?.signal ?? request.signal)
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: Object.fromEntries(request.headers),
        body: request.body && new Uint8Array(await request.arrayBuffer()),
        redirect: 'manual',
        dispatcher: agent,
        signal: deadline.signal,
      })
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel()
        throw new FetchRefused('redirect', `${url.origin} answered with a redirect, which is never followed`)
      }
      return await complete(response, maxBytes, url)
    } catch (error) {
      throw refusal(error, url)
    } finally {
      deadline.clear()
    }
  }
}

/** Aborts after a time or with the caller. By hand, since signals made by AbortSignal.any hold their sources weakly. */
function limitTo(timeoutMs: number, caller: AbortSignal) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new DOMException('too late', 'TimeoutError')), timeoutMs)
  const stop = () => controller.abort(caller.reason)
  if (caller.aborted) stop()
  caller.addEventListener('abort', stop)
  const clear = () => {
    clearTimeout(timer)
    caller.removeEventListener('abort', stop)
  }
  return { signal: controller.signal, clear }
}

function checkUrl(url: URL, mayBePrivate: (host: string) => boolean): void {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const trusted = mayBePrivate(host)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && trusted)) {
    throw new FetchRefused('protocol', `${url.protocol}//${url.host} is not https`)
  }
  // A connection to a literal address asks for no lookup, so it is judged here.
  if (isIP(host) && !trusted && !isPublicAddress(host)) throw specialUse(host)
}

/** The socket connects to the very addresses judged here, so a name cannot change its mind in between. */
function guardedLookup(resolve: Lookup, mayBePrivate: (host: string) => boolean) {
  return (
    host: string,
    options: { all?: boolean | undefined },
    done: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
  ): void => {
    resolve(host, (error, addresses) => {
      const [first] = addresses ?? []
      if (error || !first) return done(error ?? new Error(`${host} has no address`), [])
      // One special-use address among public ones is reason enough: an honest name has none.
      if (!mayBePrivate(host) && !addresses.every(({ address }) => isPublicAddress(address))) {
        return done(specialUse(host), [])
      }
      if (options.all) return done(null, [...addresses])
      return done(null, first.address, first.family)
    })
  }
}

function specialUse(host: string): FetchRefused {
  return new FetchRefused('address', `${host} is, or resolves to, an address that is not public`)
}

async function complete(response: Awaited<ReturnType<typeof fetch>>, maxBytes: number, url: URL): Promise<Response> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    // Leaving the loop cancels the body, which closes the connection.
    if (size > maxBytes) throw new FetchRefused('size', `${url.origin} sent more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const headers = new Headers([...response.headers])
  // They describe the body as it travelled; this one is decoded and complete.
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name)
  const { status, statusText } = response
  return new Response(status === 204 || status === 205 ? null : Buffer.concat(chunks), { status, statusText, headers })
}

function refusal(error: unknown, url: URL): FetchRefused {
  let detail = 'unknown error'
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof FetchRefused) return cause
    if (cause.name === 'TimeoutError' || cause.name === 'AbortError') {
      return new FetchRefused('timeout', `${url.origin} did not answer in time`, { cause: error })
    }
    // The innermost one knows: a refused connection, an unknown name, a certificate nobody vouches for.
    detail = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
  }
  return new FetchRefused('network', `${url.origin} cannot be reached (${detail})`, { cause: error })
}
