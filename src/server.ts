/**
 * The whole stack in order, on one screen. It owns the order; each step owns its rule.
 */
import type Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import { cors } from './http/cors.ts'
import { failures, notFound } from './http/failures.ts'
import { securityHeaders } from './http/headers.ts'
import { limitTarget, rateLimit } from './http/limits.ts'
import { pinOrigin } from './http/origin.ts'
import { onPaths, refuseHead } from './http/paths.ts'
import type { RequestState } from './http/state.ts'
import { protectedResourceMetadata, wellKnownAliases } from './http/well-known.ts'
import { resourceMetadata } from './mcp/metadata.ts'
import { type Pages, stylesheetPath } from './pages/index.ts'
import { landingModel } from './pages/landing.ts'
import type { Logos } from './pages/logos.ts'
import type { Store } from './store.ts'

export interface ServerParts {
  readonly config: Config
  readonly log: Logger
  readonly store: Pick<Store, 'ping'>
  readonly pages: Pages
  readonly logos: Logos
  /** Of this moment; the first signs. */
  readonly cookieKeys: () => readonly string[]
  readonly interaction: Router
  readonly logout: Router
  readonly oauth: Router
  /** Answers requests for the demo MCP server, in development. */
  readonly demo?: Middleware
}

export function buildServer(parts: ServerParts): Koa<RequestState> {
  const { config, pages, log } = parts
  const { limits } = config
  const issuer = new URL(config.issuer)

  const app = new Koa<RequestState>({ proxy: true })
  // Koa asks for them with every request, so that they may change with the secret.
  Object.defineProperty(app, 'keys', { get: parts.cookieKeys })
  app.use(failures({ log, show: pages.show }))
  app.use(securityHeaders({ issuer }))
  app.use(pinOrigin({ issuer, trustedProxies: config.trustedProxies }))
  app.use(limitTarget())
  app.use(cors({ issuer }))
  app.use(wellKnownAliases({ issuer }))
  app.use(protectedResourceMetadata({ issuer, resources: config.resources, document: describe(config) }))
  app.use(health(parts.store))
  app.use(belowBasePath(issuer))
  app.use(refuseHead(['/authorize', '/authorize/*', '/interaction/*', '/callback/*']))
  app.use(onPaths(['/register'], rateLimit({ name: 'register', perMinute: limits.register, methods: ['POST'] })))
  app.use(onPaths(['/authorize'], rateLimit({ name: 'authorize', perMinute: limits.authorize })))
  const tokens = ['/token', '/revoke', '/introspect']
  app.use(onPaths(tokens, rateLimit({ name: 'token', perMinute: limits.token, methods: ['POST'] })))
  app.use(
    onPaths(['/backchannel-logout/*'], rateLimit({ name: 'logout', perMinute: limits.logout, methods: ['POST'] })),
  )
  app.use(onPaths(['/interaction/*', '/callback/*'], rateLimit({ name: 'sign-in', perMinute: limits.signIn })))
  app.use(publicPages(parts))
  if (parts.demo) app.use(parts.demo)
  app.use(parts.interaction.routes())
  app.use(parts.logout.routes())
  app.use(parts.oauth.routes())
  app.use(otherMethods)
  app.use(notFound())
  return app
}

/** MCP wants the scopes of basic use here; a client asks for more when a challenge names it. */
function describe({ issuer }: Config) {
  return ({ resource, name, defaultScopes }: Config['resources'][number]) =>
    resourceMetadata({ issuer, resource, name, scopes: defaultScopes })
}

/** For load balancers: 200 when the store can write, else 503. The answer is good for a second, whoever asks. */
function health(store: Pick<Store, 'ping'>): Middleware<RequestState> {
  let pinged: Promise<void> | undefined
  let until = 0
  return async (ctx, next) => {
    if (ctx.path !== '/healthz') return next()
    if (performance.now() > until || !pinged) {
      until = performance.now() + 1000
      pinged = store.ping()
    }
    await pinged
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
  }
}

/** 405 for a path that a router has, but not for this method. */
const otherMethods: Middleware<RequestState> = (ctx, next) => {
  const { matched = [] } = ctx as { matched?: readonly { readonly methods: readonly string[] }[] }
  if (matched.length === 0) return next()
  ctx.status = 405
  ctx.set('Allow', [...new Set(matched.flatMap(({ methods }) => methods))].join(', '))
  return undefined
}

/** Takes the path of the issuer off the request; what lies beside it is not ours. */
function belowBasePath(issuer: URL): Middleware<RequestState> {
  const base = issuer.pathname.replace(/\/$/, '')
  return (ctx, next) => {
    if (base === '') return next()
    if (ctx.path !== base && !ctx.path.startsWith(`${base}/`)) return notFound()(ctx, next)
    ctx.path = ctx.path.slice(base.length) || '/'
    // From this the engine makes its addresses, as it would below koa-mount.
    Object.assign(ctx, { mountPath: base })
    return next()
  }
}

function publicPages({ config, pages, logos }: ServerParts): Middleware<RequestState> {
  const landing = landingModel(config)
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    if (ctx.path === '/') pages.show(ctx, 'landing', landing)
    else if (ctx.path === stylesheetPath) pages.sendStylesheet(ctx)
    else if (ctx.path === '/favicon.ico') ctx.status = 204
    else if (!logos.send(ctx)) await next()
  }
}
