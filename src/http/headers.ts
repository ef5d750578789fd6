/** The security headers of every answer. Pages replace the content security policy by their own. */
import helmet from 'helmet'
import type { Middleware } from './state.ts'

export function securityHeaders({ issuer }: { readonly issuer: URL }): Middleware {
  const set = helmet({
    // For JSON and whatever else is no page: it loads nothing and is framed by nobody.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // Off on purpose. Web clients open us in a popup and wait for `window.opener.postMessage` or `popup.closed` after
    // our redirect; any value but `unsafe-none` cuts that tie for good. We have no frames and read no opener, so what
    // the tie leaves to an opener is to navigate the popup away.
    crossOriginOpenerPolicy: false,
    crossOriginEmbedderPolicy: false,
    // Concerns requests without CORS only; metadata fetched with CORS is not touched by it.
    crossOriginResourcePolicy: { policy: 'same-origin' },
    // Paths and queries of ours hold interaction ids and request parameters.
    referrerPolicy: { policy: 'no-referrer' },
    // One year, without subdomains: those are not ours. Meaningless, and refused by browsers, over http.
    strictTransportSecurity: issuer.protocol === 'https:' ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
    // For browsers and plug-ins that are gone.
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
  })
  return async (ctx, next) => {
    await new Promise<void>((resolve, reject) => {
      set(ctx.req, ctx.res, (error) => (error === undefined ? resolve() : reject(error)))
    })
    await next()
  }
}
