/**
 * What a server does for its store in the background: deletes expired records, tells how much there is, and notices when
 * the secret was rotated. Expiry itself never waits for it: an expired record is absent at once.
 */
import { setImmediate } from 'node:timers/promises'
import type { StoreEngine, StoreSize } from '../store.ts'
import { NOTICE_MS, type Ring } from './ring.ts'

/** Milliseconds between two sweeps. */
const SWEEP_EVERY = 60_000
/** Records deleted in one go; small enough that requests in between do not notice. */
const BATCH = 500
/** Milliseconds between two looks at the size, which some engines count. */
const SIZE_EVERY = 600_000

export interface Upkeep {
  stop(): void
}

export interface UpkeepLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type UpkeepStore = Pick<StoreEngine, 'sweep' | 'size'>

export interface UpkeepOptions {
  readonly store: UpkeepStore
  readonly ring: Pick<Ring, 'notice'>
  readonly log: UpkeepLog
  /** Told what the store holds, at once and then each time that it is looked at. */
  readonly onSize?: ((size: StoreSize) => void) | undefined
  /** Milliseconds; for tests. */
  readonly intervals?: { readonly sweep?: number; readonly size?: number; readonly notice?: number }
}

export function startUpkeep({ store, ring, log, onSize, intervals = {} }: UpkeepOptions): Upkeep {
  let stopped = false

  async function sweep(): Promise<void> {
    try {
      // Until nothing is left, since records may expire faster than one batch a minute.
      while (!stopped && (await store.sweep(BATCH)) === BATCH) await setImmediate()
    } catch (err) {
      log.warn({ err }, 'expired records could not be deleted')
    }
  }

  async function tellSize(): Promise<void> {
    try {
      const size = await store.size()
      onSize?.(size)
      log.info({ ...size }, 'size of the store')
    } catch (err) {
      log.warn({ err }, 'the size of the store could not be read')
    }
  }

  let unknown = false
  async function notice(): Promise<void> {
    // A store that is away is told to whoever asks something of it.
    const known = await ring.notice().catch(() => true)
    if (!known && !unknown) {
      log.error({}, 'the secret was rotated to one that is not configured here: set `secret` as elsewhere and restart')
    }
    unknown = !known
  }

  if (onSize) void tellSize()
  const timers = [
    every(intervals.sweep ?? SWEEP_EVERY, sweep),
    every(intervals.size ?? SIZE_EVERY, tellSize),
    every(intervals.notice ?? NOTICE_MS, notice),
  ]
  return {
    stop() {
      stopped = true
      for (const timer of timers) clearInterval(timer)
    },
  }
}

/** One at a time: a store that is slow must not be asked twice. */
function every(interval: number, work: () => Promise<void>): NodeJS.Timeout {
  let running = false
  const timer = setInterval(async () => {
    if (running) return
    running = true
    await work()
    running = false
  }, interval)
  return timer.unref()
}
