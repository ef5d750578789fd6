/**
 * Fetches what clients point at: metadata documents and keys. The addresses are a stranger's choice and the hosts are not
 * ours, so it owns how often we let ourselves be sent there, and what happens while a host is away: the last good document
 * is served from the store, and without one the request ends as an outage, never as `invalid_client`, which would make
 * clients throw their tokens away.
 */
import type { Context } from 'koa'
import { Provider } from 'oidc-provider'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Fetch } from '../adapter.ts'
import { Failure } from '../errors.ts'
import type { Store } from '../store.ts'

const KIND = 'ClientDocument'
/** Milliseconds that a document outlives its last fetch. */
const LIFETIME = 30 * 86_400_000
/** Milliseconds after a failure in which a host is not asked again for the same address. */
const PAUSE = 30_000
const MAX_IN_FLIGHT = 10
const MAX_REMEMBERED_FAILURES = 1000
/** Fetches a minute that one client address may cause. */
const PER_MINUTE = 60

/** @param fetch the guarded one, which refuses special-use addresses */
export function documentFetch(fetch: Fetch, store: Store, now: () => number): Fetch {
  const limiter = new RateLimiterMemory({ points: PER_MINUTE, duration: 60 })
  const failedAt = new Map<string, number>()
  let inFlight = 0

  return async (input, init) => {
    const url = String(input)
    const ctx = Provider.ctx
    const response = await attempt(url, init, ctx?.state.address)
    if (response) return response
    const record = await store.get(KIND, url)
    // Good for as long as a host is left alone after a failure.
    if (record) return new Response(record.payload, { headers: { 'Cache-Control': `max-age=${PAUSE / 1000}` } })
    if (ctx) ctx.state.documentOutage = new URL(url).host
    throw new Error(`${new URL(url).host} does not answer`)
  }

  /** The answer of the host, or undefined when it is away or must be left alone. */
  async function attempt(url: string, init: Parameters<Fetch>[1], address: unknown): Promise<Response | undefined> {
    if (now() - (failedAt.get(url) ?? Number.NEGATIVE_INFINITY) < PAUSE || inFlight >= MAX_IN_FLIGHT) return undefined
    const allowed = await limiter.consume(String(address)).then(
      () => true,
      () => false,
    )
    if (!allowed) return undefined
    inFlight += 1
    try {
      const response = await fetch(url, init)
      if (response.status >= 500 || response.status === 429) return failed(url)
      if (response.status !== 200) return response
      const text = await response.text()
      await store.put({ kind: KIND, id: url, payload: text, expiresAt: now() + LIFETIME }, 'upsert')
      return new Response(text, { headers: response.headers })
    } catch (error) {
      // Refused by the guard is not away: it stays refused.
      if (isRefused(error)) throw error
      return failed(url)
    } finally {
      inFlight -= 1
    }
  }

  function failed(url: string): undefined {
    if (failedAt.size >= MAX_REMEMBERED_FAILURES) failedAt.clear()
    failedAt.set(url, now())
    return undefined
  }
}

/** @throws {Failure} `unavailable` when this request needed a document whose host is away */
export function requireDocuments(ctx: Context): void {
  const { documentOutage } = ctx.state
  if (documentOutage) throw new Failure('unavailable', `${documentOutage}, which the client names, does not answer`)
}

function isRefused(error: unknown): boolean {
  const reason = error instanceof Error && 'reason' in error ? error.reason : undefined
  return reason === 'protocol' || reason === 'address' || reason === 'redirect' || reason === 'size'
}
