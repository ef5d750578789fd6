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

/** Milliseconds between two looks. */
const PAUSE_MS = 500
/** How often the database must say that nothing of a call is there: what was sent before may come to it late. */
const LOOKS = 3
/** How many are kept in mind at once. An outage meets no more than were under way when it began. */
const MOST = 1000

/** Marks, as the primary has them: what the majority does not know yet is taken back too. */
const LOOK = { projection: { b: 1, c: 1 }, readConcern: { level: 'local' } } as const

export class TakeBacks {
  readonly #records: Collection<Document>
  /** With how often nothing was found. */
  readonly #open = new Map<Spending, number>()
  #running: Promise<void> | undefined
  #closed = false

  constructor(records: Collection<Document>) {
    this.#records = records
  }

  add(spending: Spending): void {
    if (this.#closed || this.#open.size >= MOST) return
    this.#open.set(spending, 0)
    this.#running ??= this.#run()
  }

  /** Resolves when each that is open was tried once more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  /** For as long as the database is away: nobody was given anything for these spendings, so it is never too late. */
  async #run(): Promise<void> {
    for (;;) {
      // A failure only says that the database is still away.
      await this.#look().catch(() => undefined)
      if (this.#closed || this.#open.size === 0) break
      await sleep(PAUSE_MS)
    }
    this.#running = undefined
  }

  /** One command for all of them, since a database that was too slow for so many has enough to do. */
  async #look(): Promise<void> {
    const spendings = [...this.#open.keys()]
    const found = await this.#records.find({ _id: { $in: spendings.map(({ _id }) => _id) } }, LOOK).toArray()
    const documents = new Map(found.map((document) => [document._id, document]))
    await Promise.all(spendings.map((spending) => this.#settle(spending, documents.get(spending._id))))
  }

  async #settle(spending: Spending, document: Document | undefined): Promise<void> {
    const { mark } = spending
    let looks = (this.#open.get(spending) ?? 0) + 1
    if (document?.b === mark || document?.c === mark) {
      await takeBack(this.#records, spending)
      // The driver may have sent it twice.
      looks = 0
    }
    if (looks < LOOKS) this.#open.set(spending, looks)
    else this.#open.delete(spending)
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
