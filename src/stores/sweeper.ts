/** Deletes expired records in the background. Expiry itself never waits for it: an expired record is absent at once. */
import { setImmediate } from 'node:timers/promises'
import type { Store } from '../store.ts'

/** Milliseconds. */
const INTERVAL = 60_000
/** Records deleted in one go; small enough that requests in between do not notice. */
const BATCH = 500

export interface Sweeper {
  stop(): void
}

interface SweepLog {
  warn(fields: object, message: string): void
}

export function startSweeper(store: Store, log: SweepLog, interval = INTERVAL): Sweeper {
  let stopped = false
  let running = false

  async function sweep(): Promise<void> {
    // One at a time: a store that is slow must not be asked twice.
    if (running) return
    running = true
    try {
      // Until nothing is left, since records may expire faster than one batch a minute.
      while (!stopped && (await store.sweep(BATCH)) === BATCH) await setImmediate()
    } catch (err) {
      log.warn({ err }, 'expired records could not be deleted')
    } finally {
      running = false
    }
  }

  const timer = setInterval(sweep, interval)
  timer.unref()
  return {
    stop() {
      stopped = true
      clearInterval(timer)
    },
  }
}
