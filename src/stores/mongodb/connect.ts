/** Opens the connection: settings that keep the promises of the store, and one clear sentence when it cannot be used. */
import { type Db, MongoClient, type MongoClientOptions, MongoServerError, type ServerDescription } from 'mongodb'
import type { Document } from './document.ts'
import { Heartbeats, SERVING } from './heartbeats.ts'
import { databaseOf } from './url.ts'

export interface ConnectOptions {
  /** With credentials, so it is never shown. */
  readonly url: string
  /** Told the name of each command that is sent. */
  readonly onCommand?: (name: string) => void
  /** Waits for answers without an end: for work that nobody waits for but the operator. */
  readonly patient?: boolean
  /** Told what the operator should know: once after it is connected, and when it has to be connected anew. */
  readonly warn?: (message: string) => void
}

export interface Connection {
  readonly db: Db
  /** The hosts and the database, for people. */
  readonly place: string
  /** Whether the driver itself sends a write once more that may not have arrived: with one number, so that the server
   * does it once. It cannot where there is no replica set. */
  readonly repeatsWrites: () => boolean
  /** Calls back each time a server answers the driver that watches it. */
  readonly onHeard: (listener: () => void) => void
  /** Calls back each time the driver looks for a server in vain and knows none that does the work. One connection that
   * breaks is not that. */
  readonly onLost: (listener: () => void) => void
  readonly close: () => Promise<void>
}

export const RECORDS = 'records'
export const META = 'meta'

/** Milliseconds for each step on the way to an answer. The verbs have a deadline of their own around all of them. */
const STEP_MS = 2000

const SETTINGS = {
  appName: 'consulate',
  // What was acknowledged is there after the primary is lost; what is read was acknowledged.
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'majority' },
  readPreference: 'primary',
  retryWrites: true,
  retryReads: true,
  serverSelectionTimeoutMS: STEP_MS,
  connectTimeoutMS: STEP_MS,
  waitQueueTimeoutMS: STEP_MS,
  // A socket that is dead without saying so is given up, and a new one opened.
  socketTimeoutMS: STEP_MS,
  heartbeatFrequencyMS: 2000,
  minHeartbeatFrequencyMS: 500,
  maxPoolSize: 50,
  ignoreUndefined: true,
} as const satisfies MongoClientOptions

/** @throws {Error} one sentence that starts with `store.url` and shows hosts only */
export async function connect({ url, onCommand, patient, warn }: ConnectOptions): Promise<Connection> {
  let client: MongoClient
  const settings = { ...SETTINGS, ...(patient && { socketTimeoutMS: 0 }), monitorCommands: onCommand !== undefined }
  try {
    client = new MongoClient(url, settings)
  } catch {
    throw new Error('store.url: this is not the address of a MongoDB, as in mongodb://host:27017/consulate.')
  }
  if (onCommand) client.on('commandStarted', ({ commandName }) => onCommand(commandName))
  let server: ServerDescription | undefined
  let serving = false
  client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
    for (const each of servers.values()) if (each.type !== 'Unknown') server = each
    serving = [...servers.values()].some(({ type }) => SERVING.has(type))
  })
  const db = client.db(databaseOf(url))
  const place = `${client.options.srvHost ?? client.options.hosts.join(',')}/${db.databaseName}`
  const reporting = { warn: warn ?? (() => undefined), explain: (error: unknown) => sentence(error, place) }
  const watched = patient ? client : new Heartbeats(client, reporting)
  try {
    await client.connect()
    // Answers without rights too, so a refusal of the next one is about rights.
    await db.command({ ping: 1 })
    await db.collection<Document>(RECORDS).findOne({ _id: '' })
  } catch (error) {
    await watched.close()
    throw new Error(`store.url: ${sentence(error, place)}`, { cause: error })
  }
  const warning = client.options.directConnection ? boundTo(server) : undefined
  if (warning !== undefined) warn?.(warning)
  return {
    db,
    place,
    repeatsWrites: () => server?.type !== 'Standalone',
    onHeard: (listener) => void client.on('serverHeartbeatSucceeded', listener),
    onLost: (listener) =>
      void client.on('serverHeartbeatFailed', () =>
        // What that changes is known only after it.
        setImmediate(() => {
          if (!serving) listener()
        }),
      ),
    close: () => watched.close(),
  }
}

/** The driver reads from a server that it was bound to whatever that is by now, and a secondary may be behind. Arbiters
 * have no data, so no failover makes one the primary. */
function boundTo(server: ServerDescription | undefined): string | undefined {
  const { setName, hosts = [], passives = [] } = server ?? {}
  const members = hosts.length + passives.length
  if (!setName || members < 2) return undefined
  return `store.url: directConnection=true binds Consulate to one of the ${members} members of the replica set "${setName}", and after a failover it would read from a secondary, where a revoked grant may still be there; name all members and replicaSet=${setName} instead, unless a proxy at this address always leads to the primary.`
}

function sentence(error: unknown, place: string): string {
  const code = error instanceof MongoServerError ? error.code : undefined
  if (code === 18 || code === 8000) return `the database at ${place} refused the user or password.`
  if (code === 13) return `the user has no right to read and write at ${place}.`
  return `the database at ${place} cannot be reached; look at the address, TLS and whether it runs.`
}
