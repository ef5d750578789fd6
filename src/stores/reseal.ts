/**
 * Passing from one secret to the next while servers run: the canary changes first, and every process writes with the new
 * secret from then on; what the earlier one has sealed stays readable and is sealed anew, row by row. Cut short at any
 * point it is simply run again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoredRow, StoreEngine } from '../store.ts'
import { keyIdOf, SealBroken } from './cipher.ts'
import { CANARY, type Ring, STALE_MS } from './ring.ts'
import { resealed } from './seal.ts'

const BATCH = 500
/** Milliseconds after which nobody writes with the secret of before: whoever has not looked by then looks first, and what
 * was on its way has arrived. */
const SETTLED_MS = STALE_MS + 4000

export interface ResealProgress {
  /** Rows looked at in this pass, of about so many. */
  readonly seen: number
  readonly total: number
  /** Rows sealed anew in all. */
  readonly resealed: number
}

export interface Rotation {
  readonly resealed: number
  /** Rows that no configured secret opens, because they were damaged. They are left as they are. */
  readonly broken: number
}

/**
 * Makes the configured secret the one in use and seals every row with it.
 * @param wait milliseconds until nobody writes with the secret of before
 * @throws {Error} with one sentence when another process does the same @throws {StoreUnavailable}
 */
export async function rotateSecret(
  engine: StoreEngine,
  ring: Ring,
  report: (progress: ResealProgress) => void,
  wait = SETTLED_MS,
): Promise<Rotation> {
  const began = performance.now()
  if (!(await ring.rotate())) return { resealed: 0, broken: 0 }
  let done = 0
  for (;;) {
    const before = performance.now() - began
    const { resealed, broken } = await pass(engine, ring, (progress) =>
      report({ ...progress, resealed: done + progress.resealed }),
    )
    done += resealed
    // A process that had not noticed may have written behind us: the pass that counts begins after all have.
    if (resealed === 0 && before >= wait) {
      await ring.finish()
      return { resealed: done, broken }
    }
    await sleep(Math.max(0, wait - (performance.now() - began)))
  }
}

async function pass(engine: StoreEngine, ring: Ring, report: (progress: ResealProgress) => void): Promise<Rotation> {
  const { records: total } = await engine.size()
  let seen = 0
  let resealed = 0
  let broken = 0
  let after: string | undefined
  do {
    const page = await engine.scan({ limit: BATCH, ...(after === undefined ? {} : { after }) })
    const old = page.rows.filter((row) => row.kind !== CANARY.kind && keyIdOf(row.payload) !== ring.writer.keyId)
    const opened = await Promise.all(old.map((row) => reseal(engine, ring, row)))
    resealed += opened.filter(Boolean).length
    broken += opened.filter((each) => !each).length
    seen += page.rows.length
    report({ seen, total: Math.max(total, seen), resealed })
    after = page.next
  } while (after !== undefined)
  return { resealed, broken }
}

/** Answers false for a row that cannot be opened. One that somebody else has changed meanwhile is theirs. */
async function reseal(engine: StoreEngine, ring: Ring, row: StoredRow): Promise<boolean> {
  try {
    await engine.swap(row.kind, row.id, row.payload, resealed(ring, row))
    return true
  } catch (error) {
    if (error instanceof SealBroken) return false
    throw error
  }
}
