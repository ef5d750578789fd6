/** A small koa application that shows every test model under `/t1/<page>/<variant>` and records what forms post. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { openPages, stylesheetPath } from '../../src/pages/index.ts'
import { openLogos } from '../../src/pages/logos.ts'
import type { Models } from '../../src/pages/models.ts'
import { samples } from '../../src/pages/samples.ts'
import { PNG, SVG } from './logos.ts'
import { attack, filledWith, variants } from './page-models.ts'

export interface PagesApp {
  readonly origin: string
  /** What browsers posted, oldest first. */
  readonly posts: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: URLSearchParams }[]
  /** Where a POST is answered to with 303; a plain page when unset. */
  redirectTo?: string
  close(): Promise<void>
}

export async function startPagesApp(): Promise<PagesApp> {
  const basePath = '/t1'
  const pages = openPages({ basePath, development: true })
  const logos = openLogos(
    new Map([
      ['entra', { type: 'image/svg+xml', body: SVG }],
      ['partners', { type: 'image/png', body: PNG }],
    ]),
    basePath,
  )
  const koa = new Koa()
  const server = createServer()
  await listen(server)
  const app: PagesApp = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts: [],
    close: () => close(server),
  }

  koa.use(async (ctx) => {
    if (ctx.method === 'POST') {
      app.posts.push({ path: ctx.path, headers: ctx.headers, body: new URLSearchParams(await text(ctx.req)) })
      if (app.redirectTo === undefined) ctx.body = 'posted'
      else {
        ctx.redirect(app.redirectTo)
        ctx.status = 303
      }
      return
    }
    if (ctx.path === basePath + stylesheetPath) return pages.sendStylesheet(ctx)
    if (ctx.path.startsWith(`${basePath}/assets/idps/`)) {
      ctx.path = ctx.path.slice(basePath.length)
      logos.send(ctx)
      return
    }
    const [, , page, variant] = ctx.path.split('/')
    const model = page && variant && modelOf(page as keyof Models, variant)
    if (!model) return
    pages.show(ctx, page as keyof Models, 'action' in model ? { ...model, action: `${basePath}/posted` } : model)
  })
  server.on('request', koa.callback())
  return app
}

/** A page of another site, for instance one that tries to frame ours. */
export async function startOtherSite(html: string): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(html))
  await listen(server)
  // Another name of this machine: to the browser it is another site, not only another port.
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, close: () => close(server) }
}

/** The variant of that name; `attacked` is the page's model with the attack in every string. */
function modelOf(page: keyof Models, variant: string): Models[keyof Models] | undefined {
  return variant === 'attacked' ? filledWith(samples[page], attack) : variants[page]?.[variant]
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
