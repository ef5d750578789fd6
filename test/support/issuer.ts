/** A started issuer for tests: the real stack on a free loopback port with the embedded store in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { adapters as builtin } from '../../adapters/index.ts'
import type { AdapterType, Fetch } from '../../src/adapter.ts'
import { type Config, type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { createIssuer, type Issuer } from '../../src/index.ts'
import type { Metrics } from '../../src/observe/metrics.ts'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'

export interface TestIssuer {
  readonly url: string
  readonly config: Config
  /** Where the embedded store lies. */
  readonly folder: string
  /** The engine below the seal: what a thief of the disk has. */
  readonly store: StoreEngine
  /** Everything logged so far, parsed. */
  readonly logged: Record<string, unknown>[]
  /** Moves the issuer's clock. Milliseconds. */
  advance(by: number): void
  close(): Promise<void>
}

export interface TestOptions {
  /** Changes the configuration; given the issuer's URL. */
  readonly config?: (defaults: ConfigInput, url: string) => ConfigInput
  readonly adapters?: readonly AdapterType[]
  /** A free one when absent. */
  readonly port?: number
  /** Path of the issuer, for instance `/t1`. */
  readonly path?: string
  readonly fetchForClients?: Fetch
  /** Wraps the engine, for instance to make it fail. */
  readonly store?: (store: StoreEngine) => StoreEngine
  readonly metrics?: Metrics
}

export async function startIssuer(options: TestOptions = {}): Promise<TestIssuer> {
  const folder = await mkdtemp(join(tmpdir(), 'consulate-test-'))
  const server = createServer()
  const url = `http://localhost:${await listen(server, options.port)}${options.path ?? ''}`
  const input: ConfigInput = { ...developmentConfig(url), store: { type: 'embedded', path: folder } }
  const config = configSchema.parse(options.config?.(input, url) ?? input)
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => logged.push(JSON.parse(line)) })

  let offset = 0
  const now = () => Date.now() + offset
  const engine = await openEmbeddedStore({ path: folder, now })
  const store = options.store?.(engine) ?? engine
  const issuer: Issuer = await createIssuer(config, {
    adapters: options.adapters ?? builtin,
    store,
    log,
    now,
    ...(options.metrics ? { metrics: options.metrics } : undefined),
    ...(options.fetchForClients ? { fetchForClients: options.fetchForClients } : undefined),
  }).catch(async (error: unknown) => {
    // Else a test that cannot start would never end.
    server.close()
    await engine.close()
    throw error
  })
  server.on('request', issuer.handler)

  return {
    url,
    config,
    folder,
    store: engine,
    logged,
    advance: (by) => {
      offset += by
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await issuer.close()
      await engine.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Listens on a port of `localhost`, a free one unless told, and answers the port. */
export async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  return (server.address() as AddressInfo).port
}

export const SECRET = 'a secret for tests only, long enough for the rule'

/** Development mode with the demo MCP server. */
export function developmentConfig(url: string): ConfigInput {
  return {
    issuer: url,
    secret: SECRET,
    development: true,
    idps: [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
    resources: [
      {
        resource: `${url}/demo/mcp`,
        name: 'Demo MCP server',
        scopes: { 'demo:read': 'Read who you are', 'demo:write': 'Use the calculator' },
        defaultScopes: ['demo:read'],
        claims: ['groups', 'name'],
        introspection: { clientId: 'demo-server', clientSecret: 'demo-server-secret-of-32-characters-or-more' },
      },
    ],
  }
}

/** For `config`: a second MCP server beside the demo one, at `/other/mcp`. */
export function withOtherServer(introspection?: { clientId: string; clientSecret: string }) {
  return (defaults: ConfigInput, url: string): ConfigInput => ({
    ...defaults,
    resources: [
      ...(defaults.resources ?? []),
      {
        resource: `${url}/other/mcp`,
        name: 'Other server',
        scopes: { 'other:use': 'Use the other server' },
        defaultScopes: ['other:use'],
        ...(introspection ? { introspection } : undefined),
      },
    ],
  })
}
