/** Real servers on free ports, and raw sockets for what an HTTP client would not send. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server, type ServerOptions } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import Koa from 'koa'
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider'
import { hardenServer, SERVER_OPTIONS } from '../../src/http/limits.ts'
import type { Context, Middleware, RequestState } from '../../src/http/state.ts'

export interface Running {
  readonly url: string
  readonly port: number
  readonly server: Server
}

const running: Server[] = []

/** Starts a stack. `build` is given the port, since an issuer is named by it. */
export async function start(
  build: (port: number) => readonly Middleware[],
  options: ServerOptions = {},
): Promise<Running> {
  const server = createServer({ ...SERVER_OPTIONS, ...options })
  hardenServer(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  running.push(server)
  const { port } = server.address() as AddressInfo
  const app = new Koa<RequestState>({ proxy: true })
  app.on('error', () => undefined)
  for (const middleware of build(port)) app.use(middleware)
  server.on('request', app.callback())
  return { url: `http://127.0.0.1:${port}`, port, server }
}

export function stopAll(): void {
  for (const server of running.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
}

export interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly body: string
}

/** Writes the parts one after the other to a socket and reads until the server closes it. */
export function raw(port: number, ...parts: readonly string[]): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part, 'latin1')
    })
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += chunk
    })
    // What the server said before a reset is what counts.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      const split = text.indexOf('\r\n\r\n')
      resolve({ status: Number(text.slice(9, 12)), text, body: split < 0 ? '' : text.slice(split + 4) })
    })
  })
}

/** A request of these lines that asks the server to close the connection. */
export function request(...lines: readonly string[]): string {
  return `${[...lines, 'Connection: close', '', ''].join('\r\n')}`
}

/** An answer that names what the layer made of the request. */
export const echo: Middleware = (ctx) => {
  const { headers, rawHeaders, url } = ctx.req
  ctx.body = { url, href: ctx.href, address: ctx.state.address, headers, rawHeaders }
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

export function memoryLog() {
  const lines: LogLine[] = []
  const write = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push({ ...fields, level, message })
  }
  return { lines, log: { info: write('info'), warn: write('warn'), error: write('error') } }
}

/** A page that shows its whole model. */
export function show(ctx: Context, page: string, model: object, status: number): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.body = `<p>${page}</p>${JSON.stringify(model)}`
}

/** The members of a JSON answer. */
export async function json(answer: Response): Promise<Record<string, unknown>> {
  return (await answer.json()) as Record<string, unknown>
}

/** A store for the engine that forgets everything with the engine. */
class Memory implements Adapter {
  readonly #records = new Map<string, AdapterPayload>()

  async upsert(id: string, payload: AdapterPayload) {
    this.#records.set(id, payload)
  }
  async find(id: string) {
    return this.#records.get(id)
  }
  async findByUid() {
    return undefined
  }
  async findByUserCode() {
    return undefined
  }
  async consume() {}
  async destroy(id: string) {
    this.#records.delete(id)
  }
  async revokeByGrantId() {}
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signingKey = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'test' }

/** The engine, mounted the way the server mounts it: behind us, trusting our headers, without the issuer's path. */
export function engine(issuer: URL): Middleware {
  const provider = new Provider(issuer.href.replace(/\/$/, ''), {
    routes: {
      token: '/token',
      registration: '/register',
      jwks: '/jwks',
      revocation: '/revoke',
      authorization: '/authorize',
    },
    adapter: Memory,
    jwks: { keys: [signingKey] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: ['a key for the cookies of this test'] },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
    },
    clients: [
      {
        client_id: 'known',
        client_secret: 'a secret that is long enough for the purpose',
        redirect_uris: ['https://client.example/cb'],
      },
    ],
  })
  const { compose } = provider as Provider & { compose(stack: readonly unknown[]): Middleware }
  const handle = compose(provider.middleware)
  const prefix = issuer.pathname.replace(/\/$/, '')
  return (ctx, next) => {
    Object.assign(ctx, { mountPath: prefix })
    if (prefix !== '' && ctx.path.startsWith(`${prefix}/`)) ctx.path = ctx.path.slice(prefix.length)
    return handle(ctx, next)
  }
}
