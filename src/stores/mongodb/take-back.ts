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

/** Milliseconds after which a spending stays as it is. Below any window in which a client comes again. */
const LIFE_MS = 30_000
/** Milliseconds between two looks. */
const PAUSE_MS = 500
/** How often the database must say that nothing of a call is there: what was sent before may come to it late. */
const LOOKS = 3
/** How many are kept in mind at once. An outage meets no more than were under way when it began. */
const MOST = 1000

const MARKS = { b: 1, c: 1 } as const

export class TakeBacks {
  readonly #records: Collection<Document>
  readonly #open = new Map<Spending, { readonly since: number; looks: number }>()
  #running: Promise<void> | undefined
  #closed = false

  constructor(records: Collection<Document>) {
    this.#records = records
  }

  add(spending: Spending): void {
    if (this.#closed || this.#open.size >= MOST) return
    this.#open.set(spending, { since: performance.now(), looks: 0 })
    this.#running ??= this.#run()
  }

  /** Resolves when each that is open was tried once more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#look()
      if (this.#closed || this.#open.size === 0) break
      await sleep(PAUSE_MS)
    }
    this.#running = undefined
  }

  /** One command for all of them, since a database that was too slow for so many has enough to do. */
  async #look(): Promise<void> {
    const spendings = [...this.#open.keys()]
    const ids = spendings.map(({ _id }) => _id)
    try {
      const found = await this.#records.find({ _id: { $in: ids } }, { projection: MARKS }).toArray()
      const documents = new Map(found.map((document) => [document._id, document]))
      await Promise.all(spendings.map((spending) => this.#settle(spending, documents.get(spending._id))))
    } catch {
      // The database is still away, which is why there is something to take back.
    }
    for (const [spending, { since }] of this.#open) {
      if (performance.now() - since > LIFE_MS) this.#open.delete(spending)
    }
  }

  async #settle(spending: Spending, document: Document | undefined): Promise<void> {
    const { mark } = spending
    const state = this.#open.get(spending)
    if (!state) return
    if (document?.b === mark || document?.c === mark) {
      await takeBack(this.#records, spending)
      state.looks = LOOKS
    } else state.looks += 1
    if (state.looks >= LOOKS) this.#open.delete(spending)
  }
}

async function takeBack(records: Collection<Document>, { _id, mark }: Spending): Promise<void> {
  const steps: readonly (readonly [Filter<Document>, UpdateFilter<Document>])[] = [
    // The first use, and nobody came after it: as if it had never been spent.
    [{ b: mark, r: 0 }, { $unset: { at: 1, b: 1 } }],
    // Somebody came after it, and stands for the first one now.
    [
      { b: mark, r: { $gt: 0 } },
      { $inc: { r: -1 }, $unset: { b: 1 } },
    ],
    [{ c: mark }, { $inc: { r: -1 }, $unset: { c: 1 } }],
  ]
  for (const [condition, change] of steps) {
    if ((await records.updateOne({ _id, ...condition }, change)).modifiedCount === 1) return
  }
}
