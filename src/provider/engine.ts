/**
 * The OAuth endpoints, as a table: what each request passes before it reaches the library, and nothing of the library
 * that is not listed here can be reached.
 */
import Router from '@koa/router'
import type { JSONWebKeySet } from 'jose'
import type { Context, Middleware } from 'koa'
import type Provider from 'oidc-provider'
import type { Config } from '../config/schema.ts'
import { RETRY_AFTER } from '../http/failures.ts'
import type { Store } from '../store.ts'
import { DISCOVERY, ENDPOINTS, metadata } from './metadata.ts'
import { normaliseAuthorization, normaliseRegistrationRequest, normaliseTokenRequest } from './normalise.ts'
import { acceptAccessTokens } from './presented-token.ts'
import type { Resources } from './resources.ts'

export interface EndpointParts {
  readonly config: Config
  readonly store: Store
  readonly resources: Resources
  readonly publicJwks: JSONWebKeySet
  /** Ties a new interaction to this browser. */
  readonly interactionStarted: (ctx: Context, uid: string) => void
  /** Refuses a browser that comes back for the result of an interaction that it did not begin. */
  readonly interactionResumed: (ctx: Context, uid: string) => void
  /** Decides what becomes of a browser that would leave for a client without a code. */
  readonly leaveWithError: (ctx: Context, target: URL) => void
}

export function endpoints(provider: Provider, parts: EndpointParts): Router {
  const { config, resources } = parts
  const run = library(provider)
  const browser = browserEndpoint(config.issuer, parts)
  const presented = acceptAccessTokens(config.issuer, parts.publicJwks)
  const registration = { ...config.registration }

  const router = new Router()
    .get(ENDPOINTS.authorization, browser, normaliseAuthorization(resources), run)
    .get(`${ENDPOINTS.authorization}/:uid`, browser, resumption(parts), run)
    .post(ENDPOINTS.token, jsonOnly, normaliseTokenRequest(resources), run)
    .post(ENDPOINTS.revocation, jsonOnly, presented, run)
    .post(ENDPOINTS.introspection, jsonOnly, presented, run)
    .get(ENDPOINTS.jwks, jsonOnly, run)
    .get([...DISCOVERY], jsonOnly, metadata(config.issuer, resources), run)
  if (config.registration.enabled) {
    router.post(
      ENDPOINTS.registration,
      jsonOnly,
      normaliseRegistrationRequest(resources, parts.store, registration),
      run,
    )
  }
  return router
}

/** oidc-provider is a koa application: its middlewares run in our context, with our error handling around them. */
function library(provider: Provider): Middleware {
  // Koa's own property, which its types leave out.
  const { compose } = provider as Provider & { compose(stack: readonly Middleware[]): Middleware }
  const handle = compose(provider.middleware)
  return async function oauth(ctx, next) {
    await handle(ctx, next)
    if (ctx.status === 503 && !ctx.response.get('Retry-After')) ctx.set('Retry-After', RETRY_AFTER)
  }
}

/** Programs read these answers, whatever they say they accept. */
const jsonOnly: Middleware = (ctx, next) => {
  ctx.req.headers.accept = 'application/json'
  return next()
}

function resumption({ interactionResumed }: EndpointParts): Middleware {
  return function resume(ctx, next) {
    interactionResumed(ctx, String(ctx.params.uid))
    // All parameters are those of the interaction.
    ctx.querystring = ''
    return next()
  }
}

function browserEndpoint(issuer: string, { interactionStarted, leaveWithError }: EndpointParts): Middleware {
  const { origin } = new URL(issuer)
  return async function browser(ctx, next) {
    await next()
    dropSessionCookie(ctx)
    const started = ctx.oidc?.route === 'authorization' ? ctx.oidc.entities.Interaction : undefined
    if (started) interactionStarted(ctx, started.uid)
    const location = ctx.response.get('Location')
    // Not by the parameters of the target: a client chooses its redirect URI and could put a `code` of its own there.
    if (!location || ctx.oidc?.entities.AuthorizationCode) return
    const target = new URL(location, issuer)
    if (target.origin !== origin) leaveWithError(ctx, target)
  }
}

/** The library sets a session cookie on its own; there is no session behind it (docs/decisions/0003). */
function dropSessionCookie(ctx: Context): void {
  const cookies = ctx.response.headers['set-cookie']
  if (!Array.isArray(cookies)) return
  const kept = cookies.filter((cookie) => !cookie.startsWith('consulate_session'))
  if (kept.length > 0) ctx.set('Set-Cookie', kept)
  else ctx.remove('Set-Cookie')
}
