/** What the proofs share: issuers from a build, a balancer on the issuer's port, a store to break, chance. */
import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { StoreConfig } from '../../src/stores/open.ts'
import {
  database,
  type Engine,
  firstHost,
  startEngine,
  type TestDatabase,
  throughProxy,
} from '../../test/support/mongo.ts'
import { type TcpProxy, tcpProxy } from '../../test/support/tcp-proxy.ts'
import { Closing } from './closing.ts'
import { IssuerProcess } from './issuer-process.ts'

export type StoreName = 'embedded' | 'mongodb'

export interface LabOptions {
  readonly store: StoreName
  readonly processes: number
  readonly tokens?: Record<string, number>
  readonly sessions?: Record<string, number>
  /** The dev adapter's when absent. */
  readonly idps?: readonly object[]
  /** Puts a TCP proxy between the issuers and their database. */
  readonly proxied?: boolean
  /** Sees everything that passes the balancer: it is asked for a reader for each socket, which gets what that one sent. */
  readonly wire?: () => (bytes: Buffer) => void
  readonly logLevel?: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Numbers that look random and come again with the same seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export interface Lab {
  readonly url: string
  readonly issuers: readonly IssuerProcess[]
  readonly folder: string
  readonly logFile: string
  /** Past the proxy. */
  readonly store: StoreConfig
  readonly engine?: Engine
  readonly database?: TestDatabase
  readonly proxy?: TcpProxy
  close(): Promise<void>
}

let built = false

/** @throws what could not be opened, when all that was is closed again */
export async function openLab(options: LabOptions): Promise<Lab> {
  const closing = new Closing()
  try {
    return await open(options, closing)
  } catch (error) {
    // Why it did not open is what is to be known; that something did not close either comes after it.
    await closing.close().catch(console.error)
    throw error
  }
}

async function open(options: LabOptions, closing: Closing): Promise<Lab> {
  if (!built) execFileSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' })
  built = true
  const folder = await mkdtemp(join(tmpdir(), 'consulate-prove-'))
  closing.add(() => rm(folder, { recursive: true, force: true }))
  const logFile = join(folder, 'issuers.log')
  const log = createWriteStream(logFile)
  closing.add(() => log.end())
  const issuers: IssuerProcess[] = []
  const balancer = await openBalancer(() => issuers.map(({ port }) => port), options.wire)
  closing.add(() => balancer.close())
  const url = `http://localhost:${balancer.port}`

  let engine: Engine | undefined
  let db: TestDatabase | undefined
  let proxy: TcpProxy | undefined
  let store: StoreConfig = { type: 'embedded', path: join(folder, 'data') }
  let reached: StoreConfig = store
  if (options.store === 'mongodb') {
    const started = await startEngine()
    if (!started) throw new Error('there is no MongoDB here; see test/support/mongo.ts for how to name one')
    engine = started
    closing.add(() => started.stop())
    db = database(started)
    const { migrateMongo } = await import('../../src/stores/mongodb/index.ts')
    await migrateMongo({ url: db.url })
    store = { type: 'mongodb', url: db.url }
    reached = store
    if (options.proxied) {
      const before = await tcpProxy(firstHost(db.url))
      proxy = before
      closing.add(() => before.close())
      reached = { type: 'mongodb', url: throughProxy(db.url, before.port) }
    }
  }
  closing.add(() => Promise.all(issuers.map((issuer) => issuer.stop('SIGKILL'))))
  for (let n = 0; n < options.processes; n++) {
    const port = await freePort()
    const file = join(folder, `consulate-${n}.yaml`)
    await writeFile(file, stringify(configuration(url, port, reached, options)))
    issuers.push(new IssuerProcess(port, file, log))
  }
  for (const issuer of issuers) await issuer.start()

  return {
    url,
    issuers,
    folder,
    logFile,
    store,
    ...(engine ? { engine } : undefined),
    ...(db ? { database: db } : undefined),
    ...(proxy ? { proxy } : undefined),
    close: () => closing.close(),
  }
}

function configuration(
  issuer: string,
  port: number,
  store: object,
  { tokens, sessions, idps, logLevel }: LabOptions,
): object {
  const plenty = 10_000_000
  return {
    issuer,
    listen: { host: '127.0.0.1', port },
    secret: 'a secret of the proofs, thirty-two characters or more',
    store,
    idps: idps ?? [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
    resources: [
      {
        resource: `${issuer}/demo/mcp`,
        name: 'Demo MCP server',
        scopes: { 'demo:read': 'Read', 'demo:write': 'Write' },
        defaultScopes: ['demo:read'],
        introspection: { clientId: 'demo-server', clientSecret: 'demo-server-secret-of-32-characters-or-more' },
      },
    ],
    tokens,
    sessions,
    limits: { register: plenty, authorize: plenty, token: plenty, signIn: plenty },
    log: { level: logLevel ?? 'info', format: 'json' },
    development: true,
  }
}

/** Gives each connection to the next process that takes it: no sticky sessions. */
async function openBalancer(
  ports: () => readonly number[],
  wire: LabOptions['wire'],
): Promise<{ port: number; close(): void }> {
  let next = 0
  const open = new Set<Socket>()
  const server: Server = createServer((near) => {
    open.add(near)
    near.on('close', () => open.delete(near))
    near.on('error', () => near.destroy())
    const targets = ports()
    const first = next++
    const reach = (attempt: number): void => {
      const far = connect({ host: '127.0.0.1', port: targets[(first + attempt) % targets.length] ?? 0 })
      far.once('connect', () => {
        near.pipe(far)
        far.pipe(near)
        if (wire) for (const side of [near, far]) side.on('data', wire())
      })
      far.once('error', () => {
        if (far.connecting || far.bytesRead > 0 || attempt + 1 >= targets.length) near.destroy()
        else reach(attempt + 1)
      })
      far.once('close', () => far.bytesRead > 0 && near.destroy())
      near.once('close', () => far.destroy())
    }
    reach(0)
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
