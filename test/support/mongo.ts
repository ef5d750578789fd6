/**
 * The MongoDB that tests meet, the first of: `MONGODB_URI`; the program named by `MONGOD_BINARY`; a `mongod` on PATH; a
 * download by mongodb-memory-server-core when `MONGOMS_RUNTIME_DOWNLOAD=true`. A program is started on a free port with
 * `--port --dbpath --bind_ip`, and can be killed and started again on the same data.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { MongoClient } from 'mongodb'

export const REMEDY =
  'Set MONGODB_URI to a MongoDB, or MONGOD_BINARY to its program, or put mongod on the PATH, or set MONGOMS_RUNTIME_DOWNLOAD=true to download one.'

export interface Engine {
  /** Without a database. */
  readonly url: string
  /** How it was found, which server it is, and its topology. */
  readonly description: string
  /** Of the replica set; 0 for any other topology. */
  readonly members: number
  /** Absent for a server that was there already: `kill` ends it at once, `start` starts it on the same data. */
  readonly program?: { readonly folder: string; kill(): Promise<void>; start(): Promise<void> }
  stop(): Promise<void>
}

/** A database of its own, on an engine. */
export interface TestDatabase {
  readonly url: string
  /** Everything in it, as a thief would have it. */
  dump(): Promise<string>
  drop(): Promise<void>
}

type Found = { readonly how: string } & ({ readonly url: string } | { readonly program: string })

/** Which engine this machine has, or undefined. */
export async function findEngine(env: NodeJS.ProcessEnv = process.env): Promise<Found | undefined> {
  if (env.MONGODB_URI) return { how: 'MONGODB_URI', url: env.MONGODB_URI }
  if (env.MONGOD_BINARY) return { how: 'MONGOD_BINARY', program: env.MONGOD_BINARY }
  const onPath = (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'mongod'))
    .find(isExecutable)
  if (onPath !== undefined) return { how: 'mongod on PATH', program: onPath }
  if (env.MONGOMS_RUNTIME_DOWNLOAD !== 'true') return undefined
  const { MongoBinary } = await import('mongodb-memory-server-core')
  return { how: 'a download', program: await MongoBinary.getPath({}) }
}

/** Starts, or connects to, the engine that this machine has, and prints which it is. Undefined when there is none. */
export async function startEngine(): Promise<Engine | undefined> {
  const found = await findEngine()
  if (!found) return undefined
  const engine = 'url' in found ? await running(found.url) : await program(found.program)
  const { version, topology, name, members } = await describeServer(engine.url)
  const description = `${name} ${version}, ${topology}, by ${found.how}`
  console.error(`\n  MongoDB engine of the tests: ${description}\n`)
  return { ...engine, description, members }
}

let shared: Promise<Engine | undefined> | undefined

/** One engine for all suites of this process; it ends with the process. */
export function sharedEngine(): Promise<Engine | undefined> {
  shared ??= startEngine()
  return shared
}

export function database(engine: Engine): TestDatabase {
  const name = `consulate_test_${randomBytes(6).toString('hex')}`
  const url = withDatabase(engine.url, name)
  const use = async <T>(work: (client: MongoClient) => Promise<T>): Promise<T> => {
    const client = await new MongoClient(engine.url).connect()
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }
  return {
    url,
    drop: () => use(async (client) => void (await client.db(name).dropDatabase())),
    dump: () =>
      use(async (client) => {
        const collections = await client.db(name).collections()
        const all = await Promise.all(collections.map((collection) => collection.find().toArray()))
        return JSON.stringify(all)
      }),
  }
}

export function withDatabase(url: string, name: string): string {
  const [, start = '', query = ''] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*(\?.*)?$/.exec(url) ?? []
  return `${start}/${name}${query}`
}

/** The first host of a URL, for a proxy to stand before. */
export function firstHost(url: string): { host: string; port: number } {
  const [host = '', port = '27017'] = (/\/\/(?:[^@/]*@)?([^/,?]+)/.exec(url)?.[1] ?? '').split(':')
  return { host, port: Number(port) }
}

/** The same database by way of a proxy on this machine, and by no other. */
export function throughProxy(url: string, port: number): string {
  const proxied = new URL(url.replace(/^mongodb(\+srv)?:\/\/((?:[^@/]*@)?)[^/?]+/, `http://$2127.0.0.1:${port}`))
  proxied.searchParams.delete('replicaSet')
  proxied.searchParams.set('directConnection', 'true')
  return proxied.href.replace(/^http/, 'mongodb')
}

type Bare = Pick<Engine, 'url' | 'program' | 'stop'>

async function running(url: string): Promise<Bare> {
  return { url, stop: async () => undefined }
}

async function program(file: string): Promise<Bare> {
  const folder = await mkdtemp(join(tmpdir(), 'consulate-mongo-'))
  const port = await freePort()
  const url = `mongodb://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  let output = ''

  const start = async () => {
    const started = spawn(file, ['--port', `${port}`, '--dbpath', folder, '--bind_ip', '127.0.0.1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + chunk).slice(-4000)
      })
    }
    let failed: Error | undefined
    started.once('error', (error) => {
      failed = error
    })
    const deadline = Date.now() + 30_000
    while (!(await answers(url))) {
      if (failed || started.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${file} did not start: ${failed?.message ?? ''}\n${output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const end = async (signal: NodeJS.Signals) => {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await gone
  }
  // A test process that ends in any way takes it along.
  process.once('exit', () => {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  await start()
  return {
    url,
    program: { folder, start, kill: () => end('SIGKILL') },
    async stop() {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 500, connectTimeoutMS: 500 })
  try {
    await client.db('admin').command({ ping: 1 })
    return true
  } catch {
    return false
  } finally {
    await client.close()
  }
}

interface Server {
  readonly name: string
  readonly version: string
  readonly topology: string
  readonly members: number
}

async function describeServer(url: string): Promise<Server> {
  const client = await new MongoClient(url).connect()
  try {
    const admin = client.db('admin')
    const info = await admin.command({ buildInfo: 1 })
    const hello = await admin.command({ isMaster: 1 })
    const members = hello.setName && Array.isArray(hello.hosts) ? hello.hosts.length : 0
    const topology = hello.setName
      ? `replica set of ${members}`
      : hello.msg === 'isdbgrid'
        ? 'sharded cluster'
        : 'standalone'
    const isMongo = Array.isArray(info.openssl) || info.gitVersion !== undefined || info.modules !== undefined
    const name = isMongo ? 'mongod' : 'a server of the MongoDB protocol'
    return { name, version: String(info.version), topology, members }
  } finally {
    await client.close()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
