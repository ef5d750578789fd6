/**
 * Takes back the spending of a record of which nobody learned: the call failed, its client was told to come again, and
 * still the database may have done it, or do it yet. Left as it is, an outage would cost each client that it met a use of
 * its refresh token, and the next one the grant. What a call did is known by its mark, so nothing else is ever undone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AnyBulkWriteOperation, Collection, Filter, UpdateFilter } from 'mongodb'
import { StoreUnavailable } from '../../store.ts'
import type { Document } from './document.ts'

interface Spending {
  readonly _id: string
  readonly mark: string
  /** How often the database was asked for it, and when to ask again. */
  times: number
  at: number
}

/** How often the database is asked for each, with longer and longer pauses: what was sent before may wait there, or in the
 * driver. A minute in all. */
const TIMES = 8
/** Milliseconds of the first pause. */
const PAUSE_MS = 250
/** Milliseconds between two attempts while the database is away, unless it is heard of before. */
const AWAY_MS = 1000
/** How many times all are asked for when the store closes, and the milliseconds for that. */
const LAST_TIMES = 3
const LAST_MS = 3000
/** How many are kept in mind at once. */
const MOST = 10_000
/** How many one command is about; one command follows the other, since requests go first. */
const BATCH = 25
/** Milliseconds after the database answered again in which other processes may be taking back yet. Those that serve hear of
 * it within half a second of each other. */
const SETTLING_MS = 2000
/** Milliseconds before an outage that count as part of it: others noticed it earlier, or their clocks are behind. */
const BEFORE_MS = 60_000

/** Marks, as the primary has them: what the majority does not know yet is taken back too. */
const LOOK = { projection: { b: 1, c: 1 }, readConcern: { level: 'local' } } as const

const TOO_MANY = `store.url: the database failed more than ${MOST} requests that spend a code or token, faster than they could be undone; some of them may have been done, and their clients may have to sign in again.`

export class TakeBacks {
  readonly #records: Pick<Collection<Document>, 'bulkWrite' | 'find'>
  readonly #warn: (message: string) => void
  readonly #pauseMs: number
  readonly #open = new Map<string, Set<Spending>>()
  #size = 0
  #tooMany = false
  #running: Promise<void> | undefined
  #closed = false
  /** By `performance.now()`; Infinity while the database is away. */
  #settledAt = Number.NEGATIVE_INFINITY
  /** When it went, by the clock of the store. */
  #awaySince = Number.NEGATIVE_INFINITY
  #pause = new AbortController()

  /** @param warn told when there are too many to keep in mind */
  constructor(
    records: Pick<Collection<Document>, 'bulkWrite' | 'find'>,
    warn: (message: string) => void,
    pauseMs = PAUSE_MS,
  ) {
    this.#records = records
    this.#warn = warn
    this.#pauseMs = pauseMs
  }

  add({ _id, mark }: Pick<Spending, '_id' | 'mark'>): void {
    if (this.#closed) return
    if (this.#size >= MOST) {
      if (!this.#tooMany) this.#warn(TOO_MANY)
      this.#tooMany = true
      return
    }
    this.#size += 1
    const spendings = this.#open.get(_id) ?? new Set()
    this.#open.set(_id, spendings.add({ _id, mark, times: 0, at: performance.now() }))
    this.#running ??= this.#run()
  }

  /** Ends a pause: the database was heard of, and its clients come back with the tokens that are to be as they were. */
  wake(): void {
    this.#pause.abort()
  }

  /** Notes that the database did not do what it was asked, or cannot be reached, which other processes will have met too.
   * @param now milliseconds since the epoch */
  failed(now: number): void {
    // One that comes before all is settled belongs to the same outage.
    if (performance.now() >= this.#settledAt) this.#awaySince = now
    this.#settledAt = Number.POSITIVE_INFINITY
  }

  /** Notes that the database did what it was asked. */
  answered(): void {
    if (this.#settledAt === Number.POSITIVE_INFINITY) this.#settledAt = performance.now() + SETTLING_MS
  }

  /** Asked before somebody is told that a record is spent, who may have lost the answer to that in an outage. What was spent
   * long before, if that is known, stays spent: theft is noticed also where a database fails again and again.
   * @throws {StoreUnavailable} soon after one: the client is to come again a moment later */
  refuseUnsettled(spentAt = Number.POSITIVE_INFINITY): void {
    if (performance.now() >= this.#settledAt || spentAt < this.#awaySince - BEFORE_MS) return
    throw new StoreUnavailable('The database was away, and what was spent then may be taken back yet.')
  }

  /** Resolves when what is open for a record was taken back, which is to be read or spent next. @throws when it cannot be */
  async before(_id: string): Promise<void> {
    const spendings = this.#open.get(_id)
    if (spendings) await this.#takeBack([...spendings])
  }

  /** Tries a few times more, for a few seconds. */
  async close(): Promise<void> {
    this.#closed = true
    this.wake()
    const done = new AbortController()
    const enough = sleep(LAST_MS, undefined, { signal: done.signal }).catch(() => undefined)
    await Promise.race([this.#last(), enough])
    done.abort()
  }

  async #last(): Promise<void> {
    await this.#running
    for (let time = 1; time <= LAST_TIMES && this.#open.size > 0; time++) {
      if (time > 1) await sleep(this.#pauseMs)
      if (!(await this.#try(this.#all()))) return
    }
  }

  /** For as long as the database is away: nobody was given anything for these spendings, so it is never too late. */
  async #run(): Promise<void> {
    while (this.#open.size > 0 && !this.#closed) {
      this.#pause = new AbortController()
      const now = performance.now()
      const pause = (await this.#try(this.#all().filter(({ at }) => at <= now))) ? this.#pauseMs : AWAY_MS
      await sleep(pause, undefined, { signal: this.#pause.signal }).catch(() => undefined)
    }
    this.#running = undefined
  }

  #all(): readonly Spending[] {
    return [...this.#open.values()].flatMap((spendings) => [...spendings])
  }

  /** Answers whether the database did what it was asked. */
  async #try(spendings: readonly Spending[]): Promise<boolean> {
    try {
      for (let from = 0; from < spendings.length; from += BATCH) await this.#ask(spendings.slice(from, from + BATCH))
      return true
    } catch {
      // It is still away, which is why there is something to take back.
      return false
    }
  }

  /** At first it is told at once, before clients come back; later it is asked first, since it may be slow for so many. */
  async #ask(spendings: readonly Spending[]): Promise<void> {
    const anew = spendings.filter(({ times }) => times === 0)
    await this.#takeBack([...anew, ...(await this.#done(spendings.filter(({ times }) => times > 0)))])
    for (const spending of spendings) this.#note(spending)
  }

  async #done(spendings: readonly Spending[]): Promise<readonly Spending[]> {
    if (spendings.length === 0) return []
    const found = await this.#records.find({ _id: { $in: spendings.map(({ _id }) => _id) } }, LOOK).toArray()
    const marks = new Set(found.flatMap(({ b, c }) => [b, c]))
    return spendings.filter(({ mark }) => marks.has(mark))
  }

  async #takeBack(spendings: readonly Spending[]): Promise<void> {
    if (spendings.length > 0) await this.#records.bulkWrite(spendings.flatMap(steps))
  }

  #note(spending: Spending): void {
    spending.times += 1
    spending.at = performance.now() + this.#pauseMs * 2 ** spending.times
    if (spending.times < TIMES) return
    const spendings = this.#open.get(spending._id)
    if (!spendings?.delete(spending)) return
    this.#size -= 1
    if (this.#size === 0) this.#tooMany = false
    if (spendings.size === 0) this.#open.delete(spending._id)
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
