/**
 * CORS for what clients in a browser need: metadata, keys, registration, tokens and revocation. Any origin may read
 * them, because none of them looks at cookies; nothing else gets a CORS header here.
 *
 * The engine has a CORS policy of its own, by client, which refuses clients that it cannot know beforehand. It stands
 * back when an `Access-Control-*` header is set already, as it is on every answer that passes here.
 */
import koaCors from '@koa/cors'
import { onPaths } from './paths.ts'
import type { Middleware } from './state.ts'

/** The wildcard does not cover `Authorization`; the other names are for browsers that do not know the wildcard. */
const ALLOWED_HEADERS = ['Authorization', 'Content-Type', 'Accept', 'MCP-Protocol-Version', 'DPoP', '*']
const EXPOSED_HEADERS = ['WWW-Authenticate', 'Retry-After', 'DPoP-Nonce']
/** Seconds that a browser may remember a preflight. */
const MAX_AGE = 3600

/**
 * Answers preflights and adds the headers to answers, errors included. The value is always `*` and credentials are
 * never allowed, so a cached answer suits every origin; `Vary: Origin` is sent all the same.
 */
export function cors({ issuer }: { readonly issuer: URL }): Middleware {
  const prefix = issuer.pathname.replace(/\/$/, '')
  const documents = ['/.well-known/*', `${prefix}/.well-known/*`, `${prefix}/jwks`]
  const endpoints = ['register', 'token', 'revoke'].map((name) => `${prefix}/${name}`)
  const forDocuments = onPaths(documents, allow('GET'))
  const forEndpoints = onPaths(endpoints, allow('POST'))
  return (ctx, next) => forDocuments(ctx, () => forEndpoints(ctx, next))
}

function allow(method: 'GET' | 'POST'): Middleware {
  const headers = koaCors({
    origin: '*',
    allowMethods: method,
    allowHeaders: ALLOWED_HEADERS,
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: MAX_AGE,
    // They are on the response already, where `failures()` leaves them.
    keepHeadersOnError: false,
  })
  return (ctx, next) =>
    headers(ctx, async () => {
      if (ctx.method !== 'OPTIONS') return next()
      // Not a preflight. The engine would answer it by its own policy.
      ctx.status = 204
      ctx.set('Allow', `${method}, OPTIONS`)
    })
}
