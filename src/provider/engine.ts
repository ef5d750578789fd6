/**
 * The OAuth endpoints, as a table: what each request passes before it reaches the library, and nothing of the library
 * that is not listed here can be reached.
 */
import Router from '@koa/router'
import type { JSONWebKeySet } from 'jose'
import type { Context, Middleware } from 'koa'
import type Provider from 'oidc-provider'
import type { Config } from '../config/schema.ts'
import { parseForm, readBody } from '../http/body.ts'
import { RETRY_AFTER } from '../http/failures.ts'
import type { Store } from '../store.ts'
import { capacity } from './capacity.ts'
import { noteOutages, rethrowOutage } from './document-fetch.ts'
import { DISCOVERY, ENDPOINTS, metadata } from './metadata.ts'
import { normaliseAuthorization, normaliseRegistrationRequest, normaliseTokenRequest } from './normalise.ts'
import { acceptAccessTokens } from './presented-token.ts'
import type { Resources } from './resources.ts'

/** Bytes. As much as an address may hold. */
const FORM_LIMIT = 8192

export interface EndpointParts {
  readonly config: Config
  readonly store: Store
  readonly resources: Resources
  readonly publicJwks: JSONWebKeySet
  readonly now: () => number
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
  const { maxClients, unusedSeconds, customSchemes } = config.registration
  const hasRoom = capacity(parts.store, { kind: 'Client', max: maxClients, unused: unusedSeconds * 1000 }, parts.now)

  const router = new Router()
    .get(ENDPOINTS.authorization, browser, normaliseAuthorization(resources), run)
    .get(`${ENDPOINTS.authorization}/:uid`, browser, resumption(parts), run)
    .post(ENDPOINTS.token, jsonOnly, normaliseTokenRequest(resources), run)
    .post(ENDPOINTS.revocation, jsonOnly, presented, run)
    .post(ENDPOINTS.authorization, postedAuthorization(config.issuer))
    .get(ENDPOINTS.jwks, jsonOnly, run)
    .get([...DISCOVERY], jsonOnly, metadata(config.issuer, resources), run)
  if (config.registration.enabled) {
    const normalise = normaliseRegistrationRequest(resources, {
      customSchemes,
      origin: new URL(config.issuer).origin,
      hasRoom,
    })
    router.post(ENDPOINTS.registration, jsonOnly, normalise, run)
  }
  if (resources.all.some(({ introspection }) => introspection)) {
    router.post(ENDPOINTS.introspection, jsonOnly, presented, run)
  }
  return router
}

/** oidc-provider is a koa application: its middlewares run in our context, with our error handling around them. */
function library(provider: Provider): Middleware {
  // Koa's own property, which its types leave out.
  const { compose } = provider as Provider & { compose(stack: readonly Middleware[]): Middleware }
  const handle = compose(provider.middleware)
  noteOutages(provider)
  return async function oauth(ctx, next) {
    try {
      await handle(ctx, next)
    } finally {
      rethrowOutage(ctx)
    }
    if (ctx.status === 503 && !ctx.response.get('Retry-After')) ctx.set('Retry-After', RETRY_AFTER)
  }
}

/** Programs read these answers, whatever they say they accept. */
const jsonOnly: Middleware = (ctx, next) => {
  ctx.req.headers.accept = 'application/json'
  return next()
}

/** OpenID Connect Core section 3.1.2.1 has POST too: the parameters are the same, and so is what happens. */
function postedAuthorization(issuer: string): Middleware {
  return async function asGet(ctx) {
    const form = parseForm(await readBody(ctx, { limit: FORM_LIMIT }))
    ctx.status = 303
    ctx.redirect(`${issuer}${ENDPOINTS.authorization}?${form}`)
  }
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
