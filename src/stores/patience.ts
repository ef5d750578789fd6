/**
 * How long one request waits for the store in all. A store bounds each of its verbs; a request makes several, one after
 * the other, and some of them only to clean up after one that failed. Here they share one bound, what gives or spends
 * something is told how much is left of it, and a store that did not answer is not asked again for the same request.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { isStoreUnavailable, StoreUnavailable, type Until } from '../store.ts'
import type { SealedStore } from './seal.ts'

/** Milliseconds. With what else a request takes it stays below three seconds. */
const PATIENCE_MS = 2500
/** Milliseconds that a store which bounds itself has to say so, lest what it did in time is taken for undone. */
const HINDSIGHT_MS = 50

interface Request {
  /** Milliseconds that the store has taken, verbs side by side counted once. */
  spent: number
  running: number
  since: number
  away?: StoreUnavailable
}

const requests = new AsyncLocalStorage<Request>()

/** Whatever `work` asks of a {@link patient} store belongs to one request; inside another one, to one of its own. */
export function asOneRequest<T>(work: () => T): T {
  return requests.run({ spent: 0, running: 0, since: 0 }, work)
}

/** Of the request being answered; without one it is whole. */
export const patience = {
  /** Waits for what the store does for another request, as for the store itself. @throws {StoreUnavailable} in time */
  wait: <T>(work: () => Promise<T>): Promise<T> => ask(work),
  /** Milliseconds that are left of it. */
  left(): number {
    const request = requests.getStore()
    if (!request) return PATIENCE_MS
    const running = request.running === 0 ? 0 : performance.now() - request.since
    return Math.max(0, PATIENCE_MS - request.spent - running)
  },
}

export function patient(store: SealedStore): SealedStore {
  return {
    put: (record, mode, until) => ask((end) => store.put(record, mode, end), until),
    get: (kind, id) => ask(() => store.get(kind, id)),
    find: (kind, by, value) => ask(() => store.find(kind, by, value)),
    consume: (kind, id, reuse, until) => ask((end) => store.consume(kind, id, reuse, end), until),
    replace: (record, payload) => ask(() => store.replace(record, payload)),
    take: (kind, id, until) => ask((end) => store.take(kind, id, end), until),
    delete: (kind, id) => ask(() => store.delete(kind, id)),
    deleteGrant: (grantId) => ask(() => store.deleteGrant(grantId)),
    list: (query) => ask(() => store.list(query)),
    sweep: (limit) => ask(() => store.sweep(limit)),
    count: (kind) => ask(() => store.count(kind)),
    ping: () => ask(() => store.ping()),
    close: () => store.close(),
  }
}

async function ask<T>(verb: (until?: Until) => Promise<T>, until?: Until): Promise<T> {
  const request = requests.getStore()
  if (!request) return verb(until)
  if (request.away) throw request.away
  if (request.running === 0) request.since = performance.now()
  request.running += 1
  try {
    const end = Math.min(until ?? Number.POSITIVE_INFINITY, request.since + PATIENCE_MS - request.spent)
    return await bounded(verb(end), end - performance.now())
  } catch (error) {
    if (isStoreUnavailable(error)) request.away = error
    throw error
  } finally {
    request.running -= 1
    if (request.running === 0) request.spent += performance.now() - request.since
  }
}

async function bounded<T>(answer: Promise<T>, left: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailable(LATE)), Math.max(0, left) + HINDSIGHT_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

const LATE = `The store took more than ${PATIENCE_MS} ms of one request.`
