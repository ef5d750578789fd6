/**
 * How long a verb may take, and when it is begun again after its connection broke. The driver bounds each step and
 * repeats some; here is what holds around all of them. What gives or spends something is called off when its time is over:
 * whatever of it still waits for a server or a connection is not sent any more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Abortable,
  type CommandOperationOptions,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
} from 'mongodb'
import { StoreUnavailable, type Until } from '../../store.ts'

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

/** One of the attempts of a verb. */
export interface Attempt {
  /** Which one it is, from 1. */
  readonly attempt: number
  /** Options of a command that must not be sent when nobody waits for it any more; see {@link gate}. */
  readonly sending: CommandOperationOptions & Abortable
}

/** Runs a verb. None of its attempts is begun that nobody would wait for. */
export async function attempts<T>(
  verb: (attempt: Attempt) => Promise<T>,
  repetition: Repetition,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await verb({ attempt, sending: { signal } })
    } catch (error) {
      if (attempt === ATTEMPTS || !mayRepeat(error, repetition)) throw error
      await sleep(20 * attempt)
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

/** Runs what is called off when its time is over. @throws {StoreUnavailable} for every error, and then */
export async function inTime<T>(work: (signal: AbortSignal) => Promise<T>, until?: Until): Promise<T> {
  const end = Math.min(performance.now() + DEADLINE_MS, until ?? Number.POSITIVE_INFINITY)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(LATE)), Math.max(0, end - performance.now()))
  })
  try {
    return await Promise.race([work(gate(end)), late])
  } catch (cause) {
    throw new StoreUnavailable('The database does not answer.', { cause })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * A signal that never fires, and throws when it is asked after the end. The driver asks it right before it sends a command,
 * also one that only writes, though its types say so of others. If it fired, the driver would close the connection of each
 * command under way, and a database that is slow for a minute would be away: connections come back two at a time.
 */
function gate(end: Until): AbortSignal {
  const { signal } = new AbortController()
  signal.throwIfAborted = () => {
    if (performance.now() >= end) throw new Error(LATE)
  }
  return signal
}

const LATE = 'There was no answer in time.'
