/**
 * How long a verb may take, and when it is begun again after its connection broke. The driver bounds each step and
 * repeats some; here is what holds around all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from 'mongodb'
import { StoreUnavailable } from '../../store.ts'

/**
 * When a verb is begun again. `always`: it only reads, or knows its own work when it meets it. `unsent`: only when the
 * command that failed cannot have reached the server. `never`: the driver itself may have sent it twice by then, so that nobody can tell.
 */
export type Repetition = 'always' | 'unsent' | 'never'

/** How often a verb is tried whose connection broke. */
const ATTEMPTS = 3

/** Milliseconds that a verb may take, whatever it does. Below the three seconds that a request may wait for a database
 * that is away. */
const DEADLINE_MS = 2500

/** Runs a verb, which is told which attempt it is, from 1. None is begun that nobody would wait for. */
export async function attempts<T>(verb: (attempt: number) => Promise<T>, repetition: Repetition): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS
  for (let attempt = 1; ; attempt++) {
    try {
      return await verb(attempt)
    } catch (error) {
      if (attempt === ATTEMPTS || !mayRepeat(error, repetition)) throw error
      await sleep(20 * attempt)
      if (performance.now() > deadline) throw error
    }
  }
}

/** What a server answers that shuts down, steps down or recovers: another one, or the next one here, will do it. */
const IN_TRANSITION: ReadonlySet<unknown> = new Set([91, 189, 10_107, 11_600, 11_602, 13_435, 13_436])

function mayRepeat(error: unknown, repetition: Repetition): boolean {
  if (repetition === 'always') {
    // After a timeout there is no time left, and what was sent may still be done.
    if (error instanceof MongoNetworkError) return !(error instanceof MongoNetworkTimeoutError)
    return error instanceof MongoServerError && IN_TRANSITION.has(error.code)
  }
  // When a connection breaks, the driver empties its pool and fails also who only waits for a connection.
  return repetition === 'unsent' && (error as Error).name === 'MongoPoolClearedError'
}

/** @throws {StoreUnavailable} for every error, and when there is no answer in time */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DEADLINE_MS} ms`)), DEADLINE_MS)
  })
  try {
    return await Promise.race([work, late])
  } catch (cause) {
    throw new StoreUnavailable('The database does not answer.', { cause })
  } finally {
    clearTimeout(timer)
  }
}
