/**
 * How long a verb may take, and when it is begun again after its connection broke. The driver bounds each step and
 * repeats some; here is what holds around all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from 'mongodb'
import { StoreUnavailable, type Until } from '../../store.ts'

/**
 * When a verb is begun again. `always`: it only reads, is the same when done twice, or knows its own work when it meets it.
 * `unsent`: only when the command that failed cannot have reached the server. `never`: the driver itself may have sent it
 * twice by then, so that nobody can tell.
 */
export type Repetition = 'always' | 'unsent' | 'never'

/** How often a verb is tried whose connection broke. */
const ATTEMPTS = 3

/** Milliseconds that a verb may take, whatever it does. Below the three seconds that a request may wait for a database
 * that is away. */
const DEADLINE_MS = 2500

/** One of the attempts of a verb. */
export interface Attempt {
  /** Which one it is, from 1. */
  readonly attempt: number
  readonly end: Until
}

/** Runs a verb. None of its attempts is begun that nobody would wait for. */
export async function attempts<T>(
  verb: (attempt: Attempt) => Promise<T>,
  repetition: Repetition,
  end: Until,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    refuseLate({ end })
    try {
      return await verb({ attempt, end })
    } catch (error) {
      if (attempt === ATTEMPTS || !mayRepeat(error, repetition)) throw error
      await sleep(20 * attempt)
    }
  }
}

/** Asked before each command that gives or spends something. One that the driver has already may still wait for a server or
 * a connection, and be sent later; see `take-back.ts`. @throws {Error} when nobody waits any more */
export function refuseLate({ end }: Pick<Attempt, 'end'>): void {
  if (performance.now() >= end) throw new Error(LATE)
}

/** What a server answers that shuts down, steps down or recovers: another one, or the next one here, will do it. */
const IN_TRANSITION: ReadonlySet<unknown> = new Set([91, 189, 10_107, 11_600, 11_602, 13_435, 13_436])

/** What a server answers who lacks a right or a password: it did nothing, and nobody else will meet it as an outage. */
const REFUSALS: ReadonlySet<unknown> = new Set([13, 18, 8000])

/** Whether a verb failed since the server would not do it, and not because it is away. */
export function isRefusal(error: unknown): boolean {
  const { cause } = error as StoreUnavailable
  return cause instanceof MongoServerError && REFUSALS.has(cause.code)
}

function mayRepeat(error: unknown, repetition: Repetition): boolean {
  if (repetition === 'always') {
    // After a timeout there is no time left, and what was sent may still be done.
    if (error instanceof MongoNetworkError) return !(error instanceof MongoNetworkTimeoutError)
    return error instanceof MongoServerError && IN_TRANSITION.has(error.code)
  }
  // When a connection breaks, the driver empties its pool and fails also who only waits for a connection.
  return repetition === 'unsent' && (error as Error).name === 'MongoPoolClearedError'
}

/** Runs what has an end. @throws {StoreUnavailable} for every error, and when there is no answer by then */
export async function inTime<T>(work: (end: Until) => Promise<T>, until?: Until): Promise<T> {
  const end = Math.min(performance.now() + DEADLINE_MS, until ?? Number.POSITIVE_INFINITY)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    // Not a moment before its end: until then a command may be begun, which is to be taken back when this has failed.
    timer = setTimeout(() => reject(new Error(LATE)), Math.max(0, Math.ceil(end - performance.now()) + 1))
  })
  try {
    return await Promise.race([work(end), late])
  } catch (cause) {
    throw new StoreUnavailable('The database does not answer.', { cause })
  } finally {
    clearTimeout(timer)
  }
}

const LATE = 'There was no answer in time.'
