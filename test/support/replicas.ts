/** Several issuers with stores of their own on the same data, behind a balancer that gives each request to the next. */
import { createServer } from 'node:http'
import { adapters } from '../../adapters/index.ts'
import type { AdapterType } from '../../src/adapter.ts'
import { type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { createIssuer, type Issuer } from '../../src/index.ts'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { temporaryFolder } from '../stores/support.ts'
import { developmentConfig, listen } from './issuer.ts'
import { database, type Engine } from './mongo.ts'

export interface Replicas {
  readonly url: string
  /** Requests go to this one only, until it is called with undefined. */
  pin(index: number | undefined): void
  /** How many requests each has answered. */
  readonly answered: readonly number[]
  /** Moves the clock of all. Milliseconds. */
  advance(by: number): void
  close(): Promise<void>
}

/** Data that may be opened any number of times. */
export interface SharedData {
  open(now: () => number): Promise<StoreEngine>
  remove(): Promise<void>
}

export async function embeddedData(): Promise<SharedData> {
  const folder = await temporaryFolder()
  return { open: (now) => openEmbeddedStore({ path: folder.path, now }), remove: folder.remove }
}

export async function mongoData(engine: Engine): Promise<SharedData> {
  const { migrateMongo, openMongoStore } = await import('../../src/stores/mongodb/index.ts')
  const db = database(engine)
  await migrateMongo({ url: db.url })
  return { open: (now) => openMongoStore({ url: db.url, now }), remove: () => db.drop() }
}

export interface ReplicaOptions {
  readonly adapters?: readonly AdapterType[]
  readonly config?: (defaults: ConfigInput) => ConfigInput
}

export async function startReplicas(count: number, data: SharedData, options: ReplicaOptions = {}): Promise<Replicas> {
  const server = createServer()
  const url = `http://localhost:${await listen(server)}`
  let offset = 0
  const now = () => Date.now() + offset
  const engines: StoreEngine[] = []
  const issuers: Issuer[] = []
  for (let n = 0; n < count; n++) {
    const store = await data.open(now)
    engines.push(store)
    // A configuration of its own for each, as separate processes have it.
    const config = configSchema.parse(options.config?.(developmentConfig(url)) ?? developmentConfig(url))
    issuers.push(await createIssuer(config, { adapters: options.adapters ?? adapters, store, now }))
  }
  const answered = issuers.map(() => 0)
  let next = 0
  let pinned: number | undefined
  server.on('request', (req, res) => {
    const index = pinned ?? next++ % count
    answered[index] = (answered[index] ?? 0) + 1
    issuers[index]?.handler(req, res)
  })

  return {
    url,
    answered,
    pin: (index) => {
      pinned = index
    },
    advance: (by) => {
      offset += by
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      for (const issuer of issuers) await issuer.close()
      for (const engine of engines) await engine.close()
      await data.remove()
    },
  }
}
