/**
 * The contract suite of stores: what every engine must do, as seen through `Store` alone. A store that passes raw and
 * sealed can carry the issuer. Cases live in `store/`; this file opens a fresh store for each of them.
 */
import type { Store } from '../../src/store.ts'
import { keyCases } from './store/keys.ts'
import { lifeCases } from './store/life.ts'
import { listCases } from './store/list.ts'
import { raceCases } from './store/races.ts'
import { recordCases } from './store/records.ts'

export interface StoreBench {
  /** Opens an empty store that tells the time by `now`. */
  open(now: () => number): Promise<Store>
  /** Opens the same data once more, as after a restart. Leave it out for stores without durable data. */
  reopen?(now: () => number): Promise<Store>
  /** Removes what `open` made. The store is closed by then. */
  destroy(): Promise<void>
}

/** What a case sees. */
export interface Fixture {
  readonly store: Store
  /** The injected clock, in milliseconds since the epoch. */
  now: number
  /** Closes the store and opens its data again; `store` is the new one afterwards. */
  reopen: (() => Promise<void>) | undefined
}

export const START = Date.UTC(2030, 0, 1)

export function storeContract(name: string, bench: StoreBench): void {
  describe(`${name} keeps the storage contract`, () => {
    let store: Store
    let now = START
    const fixture: Fixture = {
      get store() {
        return store
      },
      get now() {
        return now
      },
      set now(value) {
        now = value
      },
      reopen: bench.reopen && reopen,
    }

    async function reopen() {
      await store.close()
      if (bench.reopen) store = await bench.reopen(() => now)
    }

    beforeEach(async () => {
      now = START
      store = await bench.open(() => now)
    })

    afterEach(async () => {
      await store.close()
      await bench.destroy()
    })

    recordCases(fixture)
    keyCases(fixture)
    lifeCases(fixture)
    listCases(fixture)
    raceCases(fixture)
  })
}
