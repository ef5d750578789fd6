/**
 * Takes back the spending of a record of which nobody learned: the call failed, its client was told to come again, and
 * still the database may have done it, or do it yet. Left as it is, an outage would cost each client that it met a use of
 * its refresh token, and the next one the grant. What a call did is known by its mark, so nothing else is ever undone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Collection, Filter, UpdateFilter } from 'mongodb'
import type { Document } from './document.ts'

interface Spending {
  readonly _id: string
  readonly mark: string
}

/** How often the database must say that nothing of a call is there, with longer and longer pauses: what was sent before
 * may wait there, or in the driver. A minute in all. */
const LOOKS = 8
/** Milliseconds of the first pause. */
const PAUSE_MS = 250
/** Milliseconds of the longest pause after the database gave no answer. */
const BACKOFF_MS = 4000
/** How many times all are looked at when the store closes. */
const LAST_LOOKS = 3
/** How many are kept in mind at once. */
const MOST = 10_000
/** How many are looked for by one command, and how many are taken back at once: requests go first. */
const BATCH = 200
const AT_ONCE = 8

/** Marks, as the primary has them: what the majority does not know yet is taken back too. */
const LOOK = { projection: { b: 1, c: 1 }, readConcern: { level: 'local' } } as const

export class TakeBacks {
  readonly #records: Collection<Document>
  /** With how often nothing was found, and when to look again. */
  readonly #open = new Map<Spending, { readonly looks: number; readonly at: number }>()
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined

  constructor(records: Collection<Document>) {
    this.#records = records
  }

  add(spending: Spending): void {
    if (this.#closing.signal.aborted || this.#open.size >= MOST) return
    this.#open.set(spending, { looks: 0, at: performance.now() })
    this.#running ??= this.#run()
  }

  /** Looks a few times more. A database that does not answer is not waited for. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    for (let look = 1; look <= LAST_LOOKS && this.#open.size > 0; look++) {
      if (look > 1) await sleep(PAUSE_MS)
      if (!(await this.#look([...this.#open.keys()]))) return
    }
  }

  /** For as long as the database is away: nobody was given anything for these spendings, so it is never too late. */
  async #run(): Promise<void> {
    const { signal } = this.#closing
    let pause = PAUSE_MS
    while (this.#open.size > 0 && !signal.aborted) {
      const now = performance.now()
      const due = [...this.#open].flatMap(([spending, { at }]) => (at <= now ? [spending] : []))
      pause = (await this.#look(due)) ? PAUSE_MS : Math.min(2 * pause, BACKOFF_MS)
      await sleep(pause, undefined, { signal }).catch(() => undefined)
    }
    this.#running = undefined
  }

  /** Answers whether the database did. */
  async #look(spendings: readonly Spending[]): Promise<boolean> {
    try {
      for (let from = 0; from < spendings.length; from += BATCH) await this.#settle(spendings.slice(from, from + BATCH))
      return true
    } catch {
      // It is still away, which is why there is something to take back.
      return false
    }
  }

  async #settle(spendings: readonly Spending[]): Promise<void> {
    const found = await this.#records.find({ _id: { $in: spendings.map(({ _id }) => _id) } }, LOOK).toArray()
    const documents = new Map(found.map((document) => [document._id, document]))
    const done = spendings.filter(({ _id, mark }) => {
      const document = documents.get(_id)
      return document?.b === mark || document?.c === mark
    })
    for (let from = 0; from < done.length; from += AT_ONCE) {
      await Promise.all(done.slice(from, from + AT_ONCE).map((spending) => takeBack(this.#records, spending)))
    }
    for (const spending of spendings) this.#note(spending, done.includes(spending))
  }

  #note(spending: Spending, wasDone: boolean): void {
    // The driver may have sent it twice, so what was taken back is looked for again.
    const looks = wasDone ? 0 : (this.#open.get(spending)?.looks ?? 0) + 1
    if (looks === LOOKS) this.#open.delete(spending)
    else this.#open.set(spending, { looks, at: performance.now() + PAUSE_MS * 2 ** looks })
  }
}

async function takeBack(records: Collection<Document>, { _id, mark }: Spending): Promise<void> {
  for (const [condition, change] of steps(mark)) {
    if ((await records.updateOne({ _id, ...condition }, change)).modifiedCount === 1) return
  }
}

/** A record that is spent was used once, and `r` times again. Whatever else is taken back leaves that true. */
function steps(mark: string): readonly (readonly [Filter<Document>, UpdateFilter<Document>])[] {
  const asBefore = { $unset: { at: 1, b: 1, c: 1 } } as const
  return [
    // It was the only one.
    [{ b: mark, r: 0 }, asBefore],
    // It was the first, and one that came after it is that now.
    [
      { b: mark, r: { $gt: 0 } },
      { $inc: { r: -1 }, $unset: { b: 1 } },
    ],
    // It came after another one.
    [
      { c: mark, r: { $gt: 0 } },
      { $inc: { r: -1 }, $unset: { c: 1 } },
    ],
    // It came after one that was taken back.
    [{ c: mark, r: 0 }, asBefore],
  ]
}
