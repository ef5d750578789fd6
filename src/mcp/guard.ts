/** The HTTP side of a protected resource: its metadata document, CORS, and the bearer check in front of everything else. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Challenge, isChallenge } from './challenge.ts'
import type { ResourceMetadata } from './metadata.ts'
import type { AuthInfo } from './verify.ts'

/**
 * A connect-style middleware for Express, Connect, Polka and plain `node:http`. On success it sets `req.auth` and calls
 * `next`; a request that must not be served is answered here. An unexpected error goes to `next(error)`.
 */
export type Guard = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => unknown) => Promise<void>

/** A request that has passed the guard. */
export type Guarded<Request extends IncomingMessage = IncomingMessage> = Request & { auth: AuthInfo }

export interface GuardOptions {
  readonly metadata: ResourceMetadata
  readonly metadataUrl: string
  readonly cors: boolean
  readonly verify: (authorization: string | undefined) => Promise<AuthInfo>
  /** For a request with more than one `Authorization` header. */
  readonly ambiguous: () => Challenge
}

// What MCP clients in a browser send and read. The star stands for Mcp-Param-*; it never covers Authorization.
const REQUEST_HEADERS =
  'Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id, *'
const RESPONSE_HEADERS = 'WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version, Retry-After'

export function createGuard({ metadata, metadataUrl, cors, verify, ambiguous }: GuardOptions): Guard {
  const { pathname, search } = new URL(metadataUrl)
  const document = JSON.stringify(metadata)

  return async (req, res, next) => {
    // Express cuts the mount path off `url` and keeps the original beside it.
    const target = (req as { originalUrl?: string }).originalUrl ?? req.url ?? '/'
    if (target === pathname + search) {
      answerMetadata(req, res, document)
      return
    }
    if (cors) {
      // Safe for any origin: browsers never add a bearer token by themselves.
      res.setHeader('Access-Control-Allow-Origin', '*')
      res.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS)
      if (req.method === 'OPTIONS' && req.headers['access-control-request-method']) {
        answerPreflight(res, 'GET, POST, DELETE')
        return
      }
    }
    try {
      // Node keeps the first of several Authorization headers and a proxy may keep the last, so none can be trusted.
      if (count(req.rawHeaders, 'authorization') > 1) throw ambiguous()
      Object.assign(req, { auth: await verify(req.headers.authorization) })
    } catch (error) {
      if (!isChallenge(error)) {
        await next(error)
        return
      }
      answerJson(res, error.status, error.headers, JSON.stringify(error.body))
      return
    }
    await next()
  }
}

function answerMetadata(req: IncomingMessage, res: ServerResponse, document: string): void {
  res.setHeader('Access-Control-Allow-Origin', '*')
  if (req.method === 'OPTIONS') answerPreflight(res, 'GET, HEAD')
  else if (req.method === 'GET' || req.method === 'HEAD') {
    answerJson(res, 200, { 'Cache-Control': 'public, max-age=3600' }, document)
  } else res.writeHead(405, { Allow: 'GET, HEAD, OPTIONS' }).end()
}

function answerPreflight(res: ServerResponse, methods: string): void {
  res
    .writeHead(204, {
      'Access-Control-Allow-Methods': methods,
      'Access-Control-Allow-Headers': REQUEST_HEADERS,
      'Access-Control-Max-Age': '7200',
    })
    .end()
}

/** Node leaves the body out by itself when the request is a HEAD. */
function answerJson(
  res: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  res
    .writeHead(status, { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body)
}

function count(rawHeaders: readonly string[], name: string): number {
  return rawHeaders.filter((value, index) => index % 2 === 0 && value.toLowerCase() === name).length
}
