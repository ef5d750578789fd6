/**
 * Takes back the spending of a record of which nobody learned: the call failed, its client was told to come again, and
 * still the database may have done it, or do it yet. Left as it is, an outage would cost each client that it met a use of
 * its refresh token, and the next one the grant. What a call did is known by its mark, so nothing else is ever undone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AnyBulkWriteOperation, Collection, Filter, UpdateFilter } from 'mongodb'
import type { Document } from './document.ts'

interface Spending {
  readonly _id: string
  readonly mark: string
}

/** How often each is taken back, with longer and longer pauses: what was sent before may wait at the database, or in the
 * driver. A minute in all. */
const TIMES = 8
/** Milliseconds of the first pause. */
const PAUSE_MS = 250
/** Milliseconds between two attempts while the database is away, unless it is heard of before. */
const AWAY_MS = 1000
/** How many times all are taken back when the store closes. */
const LAST_TIMES = 3
/** How many are kept in mind at once. */
const MOST = 10_000
/** How many are taken back by one command, one command after the other: requests go first. */
const BATCH = 100

export class TakeBacks {
  readonly #records: Collection<Document>
  /** With how often the database was asked, and when to ask it again. */
  readonly #open = new Map<Spending, { readonly times: number; readonly at: number }>()
  #running: Promise<void> | undefined
  #closed = false
  #pause = new AbortController()

  constructor(records: Collection<Document>) {
    this.#records = records
  }

  add(spending: Spending): void {
    if (this.#closed || this.#open.size >= MOST) return
    this.#open.set(spending, { times: 0, at: performance.now() })
    this.#running ??= this.#run()
  }

  /** Ends a pause: the database was heard of, and its clients come back with the tokens that are to be as they were. */
  wake(): void {
    this.#pause.abort()
  }

  /** Resolves when what is open for a record was taken back, which is to be read or spent next. @throws when it cannot be */
  async before(_id: string): Promise<void> {
    if (this.#open.size === 0) return
    const spendings = [...this.#open.keys()].filter((spending) => spending._id === _id)
    if (spendings.length > 0) await this.#takeBack(spendings)
  }

  /** Tries a few times more. A database that does not answer is not waited for. */
  async close(): Promise<void> {
    this.#closed = true
    this.wake()
    await this.#running
    for (let time = 1; time <= LAST_TIMES && this.#open.size > 0; time++) {
      if (time > 1) await sleep(PAUSE_MS)
      if (!(await this.#try([...this.#open.keys()]))) return
    }
  }

  /** For as long as the database is away: nobody was given anything for these spendings, so it is never too late. */
  async #run(): Promise<void> {
    while (this.#open.size > 0 && !this.#closed) {
      this.#pause = new AbortController()
      const now = performance.now()
      const due = [...this.#open].flatMap(([spending, { at }]) => (at <= now ? [spending] : []))
      const pause = (await this.#try(due)) ? PAUSE_MS : AWAY_MS
      await sleep(pause, undefined, { signal: this.#pause.signal }).catch(() => undefined)
    }
    this.#running = undefined
  }

  /** Answers whether the database did what it was asked. */
  async #try(spendings: readonly Spending[]): Promise<boolean> {
    try {
      for (let from = 0; from < spendings.length; from += BATCH) {
        await this.#takeBack(spendings.slice(from, from + BATCH))
      }
      return true
    } catch {
      // It is still away, which is why there is something to take back.
      return false
    }
  }

  async #takeBack(spendings: readonly Spending[]): Promise<void> {
    await this.#records.bulkWrite(spendings.flatMap(steps))
    for (const spending of spendings) {
      const times = (this.#open.get(spending)?.times ?? TIMES) + 1
      if (times >= TIMES) this.#open.delete(spending)
      else this.#open.set(spending, { times, at: performance.now() + PAUSE_MS * 2 ** times })
    }
  }
}

/**
 * A record that is spent was used once, and `r` times again; whatever else is taken back leaves that true. The one step
 * that fits removes the mark, so that no other one of them does.
 */
function steps({ _id, mark }: Spending): AnyBulkWriteOperation<Document>[] {
  const step = (condition: Filter<Document>, update: UpdateFilter<Document>) => ({
    updateOne: { filter: { _id, ...condition }, update },
  })
  const asBefore = { $unset: { at: 1, b: 1, c: 1 } } as const
  return [
    // It was the only one.
    step({ b: mark, r: 0 }, asBefore),
    // It was the first, and one that came after it is that now.
    step({ b: mark, r: { $gt: 0 } }, { $inc: { r: -1 }, $unset: { b: 1 } }),
    // It came after another one.
    step({ c: mark, r: { $gt: 0 } }, { $inc: { r: -1 }, $unset: { c: 1 } }),
    // It came after one that was taken back.
    step({ c: mark, r: 0 }, asBefore),
  ]
}
