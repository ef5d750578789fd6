/**
 * Honest clients under load: each holds one family of refresh tokens and refreshes it without a pause, at one process
 * after the other, so that no process can stay dead behind another one that answers. A client whose answer is a 503, or
 * that gets none, comes again with the token it has, as clients do.
 */
import { obtainTokens, type Registered } from '../../test/support/client.ts'
import { type Lab, sleep } from './lab.ts'
import type { Answered, Direct } from './requests.ts'

/** Milliseconds before a client that was not answered with tokens comes again. */
const PAUSE_MS = 20

export interface Refreshed extends Answered {
  readonly family: number
  readonly process: number
  /** By `performance.now()`. */
  readonly began: number
  readonly ended: number
}

export class Families {
  readonly answers: Refreshed[] = []
  /** The families that were refused as clients of an honest one never are: their grant is gone. */
  readonly lost: string[] = []
  readonly #direct: Direct
  readonly #client: Registered
  readonly #processes: number
  readonly #count: number
  readonly #running: Promise<unknown>
  #stopped = false

  private constructor(direct: Direct, client: Registered, processes: number, tokens: readonly string[]) {
    this.#direct = direct
    this.#client = client
    this.#processes = processes
    this.#count = tokens.length
    this.#running = Promise.all(tokens.map((token, family) => this.#live(family, token)))
  }

  /** Connects so many times, and begins to refresh. */
  static async start({ url, issuers }: Lab, direct: Direct, client: Registered, count: number): Promise<Families> {
    const tokens: string[] = []
    for (let n = 0; n < count; n++) tokens.push((await obtainTokens(url, client)).refresh_token)
    return new Families(direct, client, issuers.length, tokens)
  }

  /** Resolves when the requests that were under way are over. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** What was begun and answered between two times. */
  between(from: number, until: number): Refreshed[] {
    return this.answers.filter(({ began, ended }) => began >= from && ended < until)
  }

  /** Whatever was under way at any time between two times, however early it was begun and however late it was answered. */
  underWay(from: number, until: number): Refreshed[] {
    return this.answers.filter(({ began, ended }) => began < until && ended > from)
  }

  /**
   * Who was answered 200 after `since`: how many families by each process, and the milliseconds until each had been by
   * each and no refusal came later. Infinity when that is not so.
   */
  recovery(since: number): { readonly families: readonly number[]; readonly after: number } {
    const back = Array.from({ length: this.#processes }, () => new Set<number>())
    let after = 0
    for (const { status, family, process, ended } of this.answers) {
      if (ended < since || (status === 200 && back[process]?.has(family))) continue
      if (status === 200) back[process]?.add(family)
      after = ended - since
    }
    const families = back.map(({ size }) => size)
    return { families, after: families.every((size) => size === this.#count) ? after : Number.POSITIVE_INFINITY }
  }

  async #live(family: number, first: string): Promise<void> {
    let token = first
    for (let n = family; !this.#stopped; n++) {
      const process = n % this.#processes
      const form = { grant_type: 'refresh_token', client_id: this.#client.client_id, refresh_token: token }
      const began = performance.now()
      const answer = await this.#direct.post(process, '/token', form)
      this.answers.push({ ...answer, family, process, began, ended: performance.now() })
      if (answer.status === 200) {
        token = String(answer.body.refresh_token)
      } else if (answer.status === 400) {
        this.lost.push(`family ${family} was answered 400 ${answer.body.error ?? ''} by process ${process}`)
        return
      } else await sleep(PAUSE_MS)
    }
  }
}
