/**
 * The pages people see: compiles the views at start, renders a model into one, and sends it with the headers that a page
 * needs. It decides nothing: the models are made by `interaction/` and the error handler; headers that every answer
 * carries are in `http/`; how untrusted text is made readable is in `text.ts`.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Eta } from 'eta'
import type { Context } from 'koa'
import type { Models } from './models.ts'
import { samples } from './samples.ts'
import { safeHref } from './text.ts'

/**
 * There is no `form-action` on purpose. Chromium applies it to every redirect after the POST of a form, and ours ends
 * at the IdP, at the client's host or at an application's own scheme: 'self' would stop each sign-in halfway.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Frame-Options': 'DENY',
  // Not 'no-referrer': under it a browser posts our own forms with `Origin: null`, and the origin check needs the real
  // one. Other sites learn nothing either way.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

const stylesheetName = 'consulate.css'
const pageNames = Object.keys(samples) as (keyof Models)[]

/** Where the style sheet is served, below the base path. */
export const stylesheetPath = `/assets/${stylesheetName}`

/** What is used of a koa context. */
export type PageContext = Pick<Context, 'status' | 'body' | 'set' | 'fresh'>

export interface PagesOptions {
  /** The operator's folder: a file named like one of ours replaces it. */
  readonly viewsDir?: string | undefined
  /** Puts a badge on every page. */
  readonly development?: boolean
  /** The path of the issuer, without a trailing slash; empty for an issuer at the root of its host. */
  readonly basePath?: string
}

export interface Pages {
  /** Answers with a page. Throws only when an operator's view fails on this model. */
  show<N extends keyof Models>(ctx: PageContext, name: N, model: Models[N], status?: number): void
  /** Answers with the style sheet, or 304 when the browser has it. */
  sendStylesheet(ctx: PageContext): void
  readonly stylesheet: { readonly body: string; readonly etag: string }
}

/**
 * Reads, compiles and tries all views. Throws an Error whose message names the file when one cannot be used, or when
 * `viewsDir` holds a view that is not ours and would therefore silently do nothing.
 */
export function openPages(options: PagesOptions = {}): Pages {
  const source = viewSource(options.viewsDir)
  const eta = new Eta({ autoEscape: true })
  const page = { base: options.basePath ?? '', development: options.development ?? false }

  const render = <N extends keyof Models>(name: N, model: Models[N]) =>
    eta.render(`@${name}`, { ...(safeUrls(model) as Models[N]), page })

  for (const name of ['layout', ...pageNames]) {
    const { path, text } = source(`${name}.eta`)
    attempt(path, () => eta.loadTemplate(`@${name}`, text))
  }
  for (const name of pageNames) attempt(source(`${name}.eta`).path, () => render(name, samples[name]))

  const body = source(stylesheetName).text
  const stylesheet = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }

  return {
    stylesheet,
    show(ctx, name, model, status = 200) {
      const html = render(name, model)
      ctx.status = status
      ctx.set(headers)
      ctx.body = html
    },
    sendStylesheet(ctx) {
      ctx.status = 200
      ctx.set({
        'Content-Type': 'text/css; charset=utf-8',
        'X-Content-Type-Options': 'nosniff',
        // Asked for anew with each page, so that a changed sheet shows at once; the answer is nearly always 304.
        'Cache-Control': 'no-cache',
        ETag: stylesheet.etag,
      })
      if (ctx.fresh) ctx.status = 304
      else ctx.body = stylesheet.body
    },
  }
}

/** Finds a view by its file name: the operator's when there is one, else ours (from `src` and `dist` alike). */
function viewSource(viewsDir: string | undefined): (file: string) => { path: string; text: string } {
  // Not import.meta.resolve: mocha with tsx on Node 20 loads modules in a way that lacks it.
  const ours = dirname(createRequire(import.meta.url).resolve('#views/layout.eta'))
  const known = [...['layout', ...pageNames].map((name) => `${name}.eta`), stylesheetName]
  const theirs = viewsDir === undefined ? [] : attempt(viewsDir, () => readdirSync(viewsDir))
  const stranger = theirs.find((file) => /\.(eta|css)$/.test(file) && !known.includes(file))
  if (stranger !== undefined) {
    throw new Error(`viewsDir: ${stranger} replaces nothing; the views are ${known.join(', ')}`)
  }
  return (file) => {
    const path = join(viewsDir !== undefined && theirs.includes(file) ? viewsDir : ours, file)
    return { path, text: attempt(path, () => readFileSync(path, 'utf8')) }
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    // Eta appends the generated program; its first lines say what is wrong.
    const reason = (cause as Error).message.split('\n').filter(Boolean).slice(0, 2).join(': ')
    throw new Error(`The view ${path} cannot be used: ${reason}`, { cause })
  }
}

/** The model with every `url` and `action` emptied that must never be followed, whichever view writes it where. */
function safeUrls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(safeUrls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      (key === 'url' || key === 'action') && typeof inner === 'string' ? safeHref(inner) : safeUrls(inner),
    ]),
  )
}
