/**
 * Fetches what clients point at: metadata documents and keys. The addresses are a stranger's choice and the hosts are
 * not ours, so it owns how often we let ourselves be sent there, what is kept of the answers, and what happens while a
 * host is away: the last good answer is served from the store, and without one the request ends as an outage, never as
 * `invalid_client`, which would make clients throw their tokens away.
 */
import type { Context } from 'koa'
import { Provider } from 'oidc-provider'
import type { Fetch } from '../adapter.ts'
import { Failure } from '../errors.ts'
import { rateLimit } from '../http/limits.ts'
import { isStoreUnavailable, type Store } from '../store.ts'
import { capacity } from './capacity.ts'

const KIND = 'ClientDocument'
/** Milliseconds that the document of a client with a grant outlives its last fetch. */
const USED = 30 * 86_400_000
/** Milliseconds that any other answer does: longer than the library keeps one in memory. */
const UNUSED = 2 * 86_400_000
const MAX_KEPT = 10_000
/** Characters of a metadata document; the library refuses more than as many bytes. */
const MAX_DOCUMENT = 5120
/** Milliseconds after an answer of no use in which an address is left alone. */
const PAUSE = 30_000
const MAX_PAUSED = 1000
const MAX_IN_FLIGHT = 10
/** Fetches a minute that one client address may cause. */
const PER_MINUTE = 60

/** No answer, for now. The library wraps it; see {@link outageBehind}. */
class DocumentOutage extends Error {
  override readonly name = 'DocumentOutage'
}

/** What came of a fetch: an answer, whatever it says; nothing, for now; or a refusal of the guard. */
type Outcome =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Headers; readonly text: string }
  | { readonly kind: 'away' }
  | { readonly kind: 'refused'; readonly error: unknown }

/** @param fetch the guarded one, which refuses special-use addresses */
export function documentFetch(fetch: Fetch, store: Store, now: () => number): Fetch {
  const budget = rateLimit({ name: 'documents', perMinute: PER_MINUTE })
  const hasRoom = capacity(store, { kind: KIND, max: MAX_KEPT, unused: UNUSED }, now)
  const paused = new Map<string, { readonly until: number; readonly outcome: Outcome }>()
  let inFlight = 0

  return async (input, init) => {
    const url = String(input)
    const outcome = await ask(url, init)
    if (outcome.kind === 'refused') throw outcome.error
    if (outcome.kind === 'answer') {
      const { status, headers, text } = outcome
      return new Response(text || null, { status, headers })
    }
    const record = await store.get(KIND, url)
    if (!record) throw new DocumentOutage(`${new URL(url).host}, which the client names, does not answer`)
    // Good for as long as a host is left alone after a failure.
    return new Response(record.payload, { headers: { 'Cache-Control': `max-age=${PAUSE / 1000}` } })
  }

  async function ask(url: string, init: Parameters<Fetch>[1]): Promise<Outcome> {
    const pause = paused.get(url)
    if (pause && now() < pause.until) return pause.outcome
    if (inFlight >= MAX_IN_FLIGHT || !(await isWithinBudget())) return { kind: 'away' }
    inFlight += 1
    const outcome = await outcomeOf(url, init).finally(() => {
      inFlight -= 1
    })
    if (outcome.kind === 'answer') {
      if (isGood(url, outcome)) {
        await keep(url, outcome.text)
        return outcome
      }
      // The host says so itself: what it said before must not come back when it is away.
      await store.delete(KIND, url)
    }
    pauseFor(url, outcome)
    return outcome
  }

  async function outcomeOf(url: string, init: Parameters<Fetch>[1]): Promise<Outcome> {
    try {
      const response = await fetch(url, init)
      const { status } = response
      if (status >= 500 || status === 429) return { kind: 'away' }
      const text = status === 200 ? await response.text() : ''
      return { kind: 'answer', status, headers: cacheHeaders(response), text }
    } catch (error) {
      return isRefused(error) ? { kind: 'refused', error } : { kind: 'away' }
    }
  }

  /** Counts for the client address of the request, where there is one: an interaction has been counted before. */
  async function isWithinBudget(): Promise<boolean> {
    const ctx = Provider.ctx as unknown as Parameters<typeof budget>[0] | undefined
    if (!ctx) return true
    try {
      await budget(ctx, async () => {})
      return true
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      // The request itself may still be answered.
      ctx.remove('Retry-After')
      return false
    }
  }

  async function keep(url: string, text: string): Promise<void> {
    const { records } = await store.list({ kind: 'Grant', clientId: url, limit: 1 })
    const record = { kind: KIND, id: url, payload: text, expiresAt: now() + (records.length > 0 ? USED : UNUSED) }
    if (await store.put(record, 'update')) return
    if (await hasRoom()) await store.put(record, 'upsert')
  }

  function pauseFor(url: string, outcome: Outcome): void {
    paused.delete(url)
    const [oldest] = paused.keys()
    if (oldest !== undefined && paused.size >= MAX_PAUSED) paused.delete(oldest)
    // Without the text, which nobody could use: a thousand of them must stay small.
    paused.set(url, { until: now() + PAUSE, outcome: outcome.kind === 'answer' ? { ...outcome, text: '' } : outcome })
  }
}

/** Remembers on each request of the engine that it failed for an outage. */
export function noteOutages(provider: Provider): void {
  for (const event of ['authorization.error', 'grant.error', 'introspection.error', 'revocation.error'] as const) {
    provider.on(event as 'grant.error', (ctx, error) => {
      ctx.state.outage = outageBehind(error)
    })
  }
}

/** @throws {Failure} `unavailable` when this request failed for an outage, whatever the library made of it */
export function rethrowOutage(ctx: Context): void {
  const outage: unknown = ctx.state.outage
  if (outage === undefined) return
  if (outage instanceof DocumentOutage) ctx.set('Retry-After', String(PAUSE / 1000))
  throw outageFailure(outage)
}

export function outageFailure(outage: unknown): Failure {
  return new Failure('unavailable', 'a document or the store does not answer', { cause: outage })
}

/** The outage that an error stands for, if any: the library makes `invalid_client` of whatever a fetch throws. */
export function outageBehind(error: unknown): Error | undefined {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (link instanceof DocumentOutage || isStoreUnavailable(link)) return link
  }
  return undefined
}

/** A metadata document of this address, or a key set. The library and our rules judge it each time it is used. */
function isGood(url: string, { status, text }: { readonly status: number; readonly text: string }): boolean {
  if (status !== 200) return false
  try {
    const { client_id: id, keys } = JSON.parse(text)
    return id === url ? text.length <= MAX_DOCUMENT : Array.isArray(keys)
  } catch {
    return false
  }
}

function cacheHeaders(response: Response): Headers {
  const kept = new Headers()
  for (const name of ['Cache-Control', 'Expires']) {
    const value = response.headers.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}

/** Refused by the guard is not away: it stays refused. */
function isRefused(error: unknown): boolean {
  const reason = error instanceof Error && error.name === 'FetchRefused' && 'reason' in error ? error.reason : undefined
  return reason === 'protocol' || reason === 'address' || reason === 'redirect' || reason === 'size'
}
