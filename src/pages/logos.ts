/**
 * Serves the logos of IdPs, read at start, so that no page asks anybody else for anything. Owns the headers that make an
 * image of unknown descent harmless; which files may be logos is left to `config/logos.ts`.
 */
import { createHash } from 'node:crypto'
import type { Context } from 'koa'

export interface Logo {
  readonly type: string
  readonly body: Buffer
}

export interface Logos {
  /** Where the logo of an IdP is, with the path of the issuer. */
  url(idp: string): string | undefined
  /** Answers with the logo at this path below the issuer's. Answers false when there is none. */
  send(ctx: Pick<Context, 'path' | 'status' | 'body' | 'set' | 'fresh'>): boolean
}

const FOLDER = '/assets/idps/'

/** @param basePath the path of the issuer, without a trailing slash */
export function openLogos(logos: ReadonlyMap<string, Logo>, basePath = ''): Logos {
  const ready = new Map([...logos].map(([id, logo]) => [`${FOLDER}${id}`, { ...logo, etag: etagOf(logo.body) }]))
  return {
    url: (idp) => (ready.has(`${FOLDER}${idp}`) ? `${basePath}${FOLDER}${idp}` : undefined),
    send(ctx) {
      const logo = ready.get(ctx.path)
      if (!logo) return false
      ctx.status = 200
      ctx.set({
        'Content-Type': logo.type,
        // Opened by its address an SVG is a document. This one may run no script, load nothing, and has no origin. That no
        // browser takes it for another type is seen to by `http/headers.ts`.
        'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
        // Asked for anew with each page, so that a changed logo shows at once; the answer is nearly always 304.
        'Cache-Control': 'no-cache',
        ETag: logo.etag,
      })
      if (ctx.fresh) ctx.status = 304
      else ctx.body = logo.body
      return true
    },
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}
