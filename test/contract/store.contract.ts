/**
 * The contract suites of stores, public as `consulate/testing`. `storeContract` is what every store must do, as seen
 * through `Store` alone; `engineContract` adds the upkeep that an engine does below the seal. An engine that passes can
 * carry the issuer. They run inside mocha, with chai. Cases live in `store/`; this file opens a fresh store for each.
 */
import type { Store, StoreEngine } from '../../src/store.ts'
import { keyCases } from './store/keys.ts'
import { lifeCases } from './store/life.ts'
import { listCases } from './store/list.ts'
import { raceCases } from './store/races.ts'
import { recordCases } from './store/records.ts'
import { upkeepCases } from './store/upkeep.ts'

export interface StoreBench<S extends Store = Store> {
  /** Opens an empty store that tells the time by `now`. */
  open(now: () => number): Promise<S>
  /** Opens the same data once more, as after a restart. Leave it out for stores without durable data. */
  reopen?(now: () => number): Promise<S>
  /** Removes what `open` made. The store is closed by then. */
  destroy(): Promise<void>
}

/** What a case sees. */
export interface Fixture<S extends Store = Store> {
  readonly store: S
  /** The injected clock, in milliseconds since the epoch. */
  now: number
  /** Closes the store and opens its data again; `store` is the new one afterwards. */
  reopen: (() => Promise<void>) | undefined
}

export type EngineFixture = Fixture<StoreEngine>

export const START = Date.UTC(2030, 0, 1)

/** Declares the cases of a store. */
export function storeContract(name: string, bench: StoreBench): void {
  describe(`${name} keeps the storage contract`, () => {
    cases(withFixture(bench))
  })
}

/** Declares the cases of a store and of its upkeep. */
export function engineContract(name: string, bench: StoreBench<StoreEngine>): void {
  describe(`${name} keeps the contract of engines`, () => {
    const fixture = withFixture(bench)
    cases(fixture)
    upkeepCases(fixture)
  })
}

function cases(fixture: Fixture): void {
  recordCases(fixture)
  keyCases(fixture)
  lifeCases(fixture)
  listCases(fixture)
  raceCases(fixture)
}

/** A fresh store for each case of the surrounding suite. */
function withFixture<S extends Store>(bench: StoreBench<S>): Fixture<S> {
  let store: S
  let now = START
  const fixture: Fixture<S> = {
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

  return fixture
}
