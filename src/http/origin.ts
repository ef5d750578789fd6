/**
 * Decides who is asking and under which name, once, and removes every other claim about it.
 *
 * The engine builds URLs from the request, so a Host header or `X-Forwarded-Host` that is taken at its word puts an
 * attacker's endpoints into our metadata. After this middleware the request can only name the issuer.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Failure } from '../errors.ts'
import { parseUrl } from '../url.ts'
import type { Context, Middleware } from './state.ts'

export interface OriginOptions {
  readonly issuer: URL
  /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[]
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Range = readonly [Address, number]

/** Load balancers probe this path by address, so it answers under any name. */
const HEALTH = '/healthz'
const FORWARDED = /^(?:forwarded|x-forwarded(?:-.*)?|x-real-ip)$/
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/**
 * Sets `ctx.state.address`, requires the issuer's host, and rewrites `host`, `x-forwarded-proto` and `x-forwarded-for`
 * to what was found. Requests in absolute form (RFC 9112, section 3.2.2) are brought to origin form.
 *
 * @throws {Failure} `misdirected` for another, a malformed, a repeated or no host; `bad_request` for other targets
 */
export function pinOrigin({ issuer, trustedProxies }: OriginOptions): Middleware {
  const ranges = trustedProxies.map(parseRange)
  const names = new Set([issuer.host])
  if (issuer.port === '') names.add(`${issuer.host}:${DEFAULT_PORTS[issuer.protocol]}`)
  const isIssuer = (host: string) => names.has(host.toLowerCase())

  return async (ctx, next) => {
    const hosts = headerValues(ctx.req, 'host')
    ctx.state.address = clientAddress(ctx.req, ranges)
    rewriteHeaders(ctx.req, issuer, ctx.state.address)

    const named = toOriginForm(ctx)
    if (ctx.path !== HEALTH) {
      const [host] = hosts
      if (host === undefined || hosts.length !== 1) {
        throw new Failure('misdirected', `the request has ${hosts.length} Host headers instead of one`)
      }
      for (const name of named === undefined ? [host] : [host, named]) {
        if (!isIssuer(name)) throw new Failure('misdirected', otherName(name, issuer))
      }
    }
    await next()
  }
}

function otherName(name: string, issuer: URL): string {
  const shown = JSON.stringify(name.slice(0, 100))
  const host = name.toLowerCase()
  const sameMachine =
    LOOPBACK.has(issuer.hostname) &&
    [...LOOPBACK].some((loopback) => host === (issuer.port === '' ? loopback : `${loopback}:${issuer.port}`))
  // People type 127.0.0.1 for localhost. To a browser these are two sites with two sets of cookies, so serving both
  // would lose sign-ins half-way; what helps is the right address.
  return sameMachine
    ? `${shown} is this machine, but not the name of the issuer: open ${issuer.origin}`
    : `the host ${shown} is not the issuer's, which is ${issuer.host}`
}

/** Brings `req.url` to one leading slash, path and query. Returns the host that an absolute form named. */
function toOriginForm(ctx: Context): string | undefined {
  const target = ctx.req.url ?? ''
  let named: string | undefined
  let origin = target
  if (!target.startsWith('/')) {
    const url = parseUrl(target)
    if (url === undefined || DEFAULT_PORTS[url.protocol] === undefined || url.username !== '' || url.password !== '') {
      throw new Failure('bad_request', 'the request target is neither a path nor a plain http URL')
    }
    named = url.host
    origin = url.pathname + url.search
  }
  const [path = ''] = origin.split('?', 1)
  if (origin.includes('#') || path.includes('\\')) {
    throw new Failure('bad_request', 'the request target holds a fragment or a backslash')
  }
  // Clients that join "https://host/" and "/path" send two slashes. As a relative URL that would name another host.
  ctx.req.url = origin.replace(/^\/+/, '/')
  ctx.originalUrl = ctx.req.url
  ctx.request.originalUrl = ctx.req.url
  return named
}

function rewriteHeaders(req: IncomingMessage, issuer: URL, address: string): void {
  const ours = {
    host: issuer.host,
    'x-forwarded-proto': issuer.protocol.slice(0, -1),
    'x-forwarded-for': address,
  }
  for (const name of Object.keys(req.headers)) {
    if (FORWARDED.test(name)) delete req.headers[name]
  }
  Object.assign(req.headers, ours)
  // Some libraries build a fetch Request from the raw list; they must not see what was removed.
  const kept = [...rawPairs(req)].filter(([name]) => name !== 'host' && !FORWARDED.test(name))
  req.rawHeaders = [...kept, ...Object.entries(ours)].flat()
}

function clientAddress(req: IncomingMessage, ranges: readonly Range[]): string {
  let address = parseAddress(req.socket.remoteAddress ?? '')
  if (address === undefined) return 'unknown'
  // Each proxy appends the peer it saw, so only the entries to the right of the first stranger are to be believed.
  const hops = headerValues(req, 'x-forwarded-for').join(',').split(',')
  while (isTrusted(address, ranges)) {
    const hop = parseAddress(hops.pop() ?? '')
    if (hop === undefined) break
    address = hop
  }
  return address.toString()
}

function isTrusted(address: Address, ranges: readonly Range[]): boolean {
  return ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
}

function parseRange(text: string): Range {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

/** Reads an IP address, with or without the port that some proxies add. Undefined when it is none. */
function parseAddress(text: string): Address | undefined {
  const bare = text.trim()
  const unported = /^\[([^\]]*)\](?::\d+)?$/.exec(bare)?.[1] ?? /^([\d.]+):\d+$/.exec(bare)?.[1] ?? bare
  const [unzoned = ''] = unported.split('%', 1)
  return isIP(unzoned) === 0 ? undefined : ipaddr.process(unzoned)
}

function headerValues(req: IncomingMessage, name: string): string[] {
  return [...rawPairs(req)].filter(([key]) => key === name).map(([, value]) => value)
}

function* rawPairs(req: IncomingMessage): Generator<[string, string]> {
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    yield [(req.rawHeaders[i] ?? '').toLowerCase(), req.rawHeaders[i + 1] ?? '']
  }
}
