/**
 * Watches over the driver's watching. The monitor of a server that writes to a socket which is destroyed, but has not said
 * so yet, waits for ever (driver 7.9.0): the server stays unknown and every verb fails, although the database is back. Such a
 * heartbeat neither succeeds nor fails, and that is how it is recognised; then the connection is made anew. A database that
 * is away lets one heartbeat after the other fail, and is none of this file's business.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MongoClient } from 'mongodb'

/** Milliseconds that a heartbeat has beyond the time that the driver itself gives it, lest one that is ended just then
 * counts as stuck. Counted after that time, so that a process that stood still reads first what has come meanwhile. */
const MARGIN_MS = 500

/** Milliseconds between two attempts to connect anew. */
const PAUSE_MS = 500

export class Heartbeats {
  readonly #client: MongoClient
  readonly #warn: (message: string) => void
  /** The end of the time of each heartbeat that is under way, by the address of its server. */
  readonly #underWay = new Map<string, NodeJS.Timeout>()
  /** The servers whose last heartbeat succeeded, so that the next one need not connect first. */
  readonly #connected = new Set<string>()
  readonly #closed = new AbortController()
  #stuck = false
  #renewal: Promise<void> | undefined

  /** Of a client that is connected, and from then on closed by {@link close} only.
   * @param warn told each time the connection is made anew */
  constructor(client: MongoClient, warn: (message: string) => void) {
    this.#client = client
    this.#warn = warn
    client.on('serverHeartbeatStarted', ({ connectionId, awaited }) => this.#begin(connectionId, awaited))
    client.on('serverHeartbeatSucceeded', ({ connectionId }) => {
      this.#end(connectionId)
      this.#connected.add(connectionId)
    })
    client.on('serverHeartbeatFailed', ({ connectionId }) => this.#forget(connectionId))
    client.on('serverClosed', ({ address }) => this.#forget(address))
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
    for (const address of [...this.#underWay.keys()]) this.#forget(address)
  }

  #begin(address: string, awaited: boolean): void {
    this.#end(address)
    if (this.#closed.signal.aborted) return
    const { connectTimeoutMS, heartbeatFrequencyMS } = this.#client.options
    const connecting = this.#connected.has(address) ? 0 : connectTimeoutMS
    this.#wait(address, connecting + connectTimeoutMS + (awaited ? heartbeatFrequencyMS : 0), () =>
      this.#wait(address, MARGIN_MS, () => {
        this.#forget(address)
        this.#renew(address)
      }),
    )
  }

  #wait(address: string, ms: number, then: () => void): void {
    this.#underWay.set(address, setTimeout(then, ms).unref())
  }

  #end(address: string): void {
    clearTimeout(this.#underWay.get(address))
    this.#underWay.delete(address)
  }

  #forget(address: string): void {
    this.#end(address)
    this.#connected.delete(address)
  }

  #renew(address: string): void {
    this.#warn(
      `store.url: the driver has stopped watching ${address}, as it may when all its connections end at once; Consulate connects anew.`,
    )
    this.#stuck = true
    this.#renewal ??= this.#untilConnected().finally(() => {
      this.#renewal = undefined
    })
  }

  /** Until it is connected, or closed. Verbs fail meanwhile, and at once. */
  async #untilConnected(): Promise<void> {
    const { signal } = this.#closed
    while (this.#stuck && !signal.aborted) {
      this.#stuck = false
      while (!(await this.#connectAnew()) && !signal.aborted) {
        await sleep(PAUSE_MS, undefined, { ref: false, signal }).catch(() => undefined)
      }
    }
  }

  /** The same client, so that what was made of it stays good: a closed one is opened again by connect(). */
  async #connectAnew(): Promise<boolean> {
    try {
      await this.#client.close()
      if (!this.#closed.signal.aborted) await this.#client.connect()
      return true
    } catch {
      return false
    }
  }
}
