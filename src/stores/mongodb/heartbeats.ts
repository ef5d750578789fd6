/**
 * Watches over the driver's watching. The monitor of a server that writes to a socket which is destroyed, but has not said
 * so yet, waits for ever (driver 7.9.0): the server stays unknown and every verb fails, although the database is back. Such a
 * heartbeat neither succeeds nor fails, and that is how it is recognised; then the connection is made anew. A database that
 * is away lets one heartbeat after the other fail, and is none of this file's business.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { MongoClient, ServerType } from 'mongodb'

/** What may take the driver's `connectTimeoutMS` each in one heartbeat: the socket, a proxy, TLS, and the answer. Whether
 * the connection is there already is not told by an event, and those are not all timed from their beginning, so none is
 * left out: to take a slow database for a stuck driver costs more than to find a stuck driver late. */
const STEPS = 4

/** Milliseconds that a heartbeat has beyond the time that the driver itself gives it, lest one that is ended just then
 * counts as stuck. Counted after that time, so that a process that stood still reads first what has come meanwhile. */
const MARGIN_MS = 500

/** Milliseconds between two attempts to connect anew. */
const PAUSE_MS = 500

/** Servers that do the work of the store. */
export const SERVING: ReadonlySet<ServerType> = new Set<ServerType>([
  'RSPrimary',
  'Standalone',
  'Mongos',
  'LoadBalancer',
])

export interface Reporting {
  /** Told when the connection is made anew, why that fails, and that it came about after it had failed. */
  readonly warn: (message: string) => void
  /** One sentence about an error of connecting, without credentials. */
  readonly explain: (error: unknown) => string
}

export class Heartbeats {
  readonly #client: MongoClient
  readonly #reporting: Reporting
  /** The end of the time of each heartbeat that is under way, by the address of its server. */
  readonly #underWay = new Map<string, NodeJS.Timeout>()
  /** The addresses of servers whose heartbeat has outlived its time. */
  readonly #stuck = new Set<string>()
  /** The addresses of servers that do the work, as far as the driver knows. */
  #serving: readonly string[] = []
  readonly #closed = new AbortController()
  #renewal: Promise<void> | undefined

  /** Of a client that is not connected yet, and from then on closed by {@link close} only. */
  constructor(client: MongoClient, reporting: Reporting) {
    this.#client = client
    this.#reporting = reporting
    client.on('serverHeartbeatStarted', ({ connectionId, awaited }) => this.#begin(connectionId, awaited))
    client.on('serverHeartbeatSucceeded', ({ connectionId }) => this.#end(connectionId))
    client.on('serverHeartbeatFailed', ({ connectionId }) => this.#end(connectionId))
    client.on('serverClosed', ({ address }) => this.#end(address))
    client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
      this.#serving = [...servers].filter(([, { type }]) => SERVING.has(type)).map(([address]) => address)
      this.#check()
    })
  }

  /** Closes the client for good; a renewal under way ends with it. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#client.close()
    if (this.#renewal) {
      await this.#renewal
      // It may have connected in between.
      await this.#client.close()
    }
    this.#forget()
  }

  #begin(address: string, awaited: boolean): void {
    this.#end(address)
    if (this.#closed.signal.aborted) return
    const { connectTimeoutMS, heartbeatFrequencyMS } = this.#client.options
    this.#wait(address, STEPS * connectTimeoutMS + (awaited ? heartbeatFrequencyMS : 0), () =>
      this.#wait(address, MARGIN_MS, () => {
        this.#stuck.add(address)
        this.#check()
      }),
    )
  }

  #wait(address: string, ms: number, then: () => void): void {
    this.#underWay.set(address, setTimeout(then, ms).unref())
  }

  #end(address: string): void {
    clearTimeout(this.#underWay.get(address))
    this.#underWay.delete(address)
    this.#stuck.delete(address)
  }

  #forget(): void {
    for (const timer of this.#underWay.values()) clearTimeout(timer)
    this.#underWay.clear()
    this.#stuck.clear()
    this.#serving = []
  }

  /** Whether the work waits for a server that is not watched. One that is not needed is not worth the verbs that a renewal
   * ends at the primary; it stays marked until the primary is lost, since it may be the next one. */
  #needed(): boolean {
    if (this.#closed.signal.aborted || this.#stuck.size === 0) return false
    return this.#serving.every((address) => this.#stuck.has(address))
  }

  #check(): void {
    if (this.#renewal || !this.#needed()) return
    this.#renewal = this.#renew().finally(() => {
      this.#renewal = undefined
      // What got stuck while it connected.
      this.#check()
    })
  }

  async #renew(): Promise<void> {
    // The driver is in the middle of an event of its own.
    await turn()
    if (!this.#needed()) return
    this.#reporting.warn(
      `store.url: the driver has stopped watching ${[...this.#stuck].join(', ')}, as it may when all its connections end at once; Consulate connects anew.`,
    )
    await this.#untilConnected()
  }

  /** Until it is connected, or closed. Verbs fail at once while the client is closed; while it connects they wait for a
   * server, as they do for a database that is away. */
  async #untilConnected(): Promise<void> {
    const { signal } = this.#closed
    const { warn, explain } = this.#reporting
    const told = new Set<string>()
    while (!signal.aborted) {
      try {
        await this.#connectAnew()
        if (told.size > 0 && !signal.aborted) warn('store.url: the database is connected again.')
        return
      } catch (error) {
        const reason = explain(error)
        if (!told.has(reason) && !signal.aborted) warn(`store.url: ${reason}`)
        told.add(reason)
      }
      await sleep(PAUSE_MS, undefined, { ref: false, signal }).catch(() => undefined)
    }
  }

  /** The same client, so that what was made of it stays good: a closed one is opened again by connect(). */
  async #connectAnew(): Promise<void> {
    await this.#client.close()
    // Closing takes time, in which others get stuck: all of them are gone with it.
    this.#forget()
    if (!this.#closed.signal.aborted) await this.#client.connect()
  }
}
