/**
 * Asks the IdP again about a user whose client uses a refresh token: is this still somebody whom the company lets in?
 *
 * Owns when to ask, who asks when several want to know, and what an answer means for the user's grants. An answer is
 * final only when the adapter says so; an IdP that is away, slow or unintelligible is forgiven for the grace. How the
 * user is asked about is the adapter's; the record behind it is `secrets.ts`, and ending grants is the engine's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Claims, Identity, Refusal } from '../adapter.ts'
import type { Config } from '../config/schema.ts'
import { type Answer, consult } from './consult.ts'
import type { Pauses } from './pause.ts'
import type { OpenIdp } from './registry.ts'
import type { Known, Secrets, Standing } from './secrets.ts'

/** What a refresh may do: go on, with what is known of the user when anything is, or not. */
export type Verdict = { readonly claims?: Claims } | { readonly over: Refusal | 'unconfirmed' }

export interface Recheck {
  /** Of the request that is being answered. @throws {StoreUnavailable} when it cannot be decided */
  check(accountId: string): Promise<Verdict>
  /** At a sign-in, once its grant is in the store. Where nobody is asked, nothing is kept. */
  begin(accountId: string, idp: string, identity: Identity): Promise<void>
  /** Ends every grant of an account. Answers how many there were. */
  end(accountId: string, reason: string): Promise<number>
  /** Forgets the upstream secret of an account that has no grant any more. */
  grantEnded(accountId: string): Promise<void>
}

export type Result = 'passed' | Refusal | 'timeout' | 'skipped'

export interface RecheckParts {
  readonly config: Config['sessions']
  readonly idps: ReadonlyMap<string, OpenIdp>
  readonly secrets: Secrets
  readonly pauses: Pauses
  readonly grants: {
    endAll(accountId: string, reason: string): Promise<number>
    any(accountId: string): Promise<boolean>
  }
  /** Told of each outcome; `cause` is for the operator. */
  readonly told: (result: Result, facts: { readonly idp: string; readonly account: string }, cause?: unknown) => void
  /** Keeps what an IdP that ends access demands of the next sign-in. */
  readonly demanded: (accountId: string, refused: unknown) => Promise<void>
  /** Told of each refresh that went on, or was refused, for want of an answer. */
  readonly unconfirmed: (over: boolean, facts: { readonly idp: string; readonly account: string }) => void
  /** Runs work that no request waits for, apart from the one that began it. */
  readonly apart: <T>(work: () => T) => T
  readonly now: () => number
}

/** Milliseconds for whoever asks to write down the answer; more than an answer may take. */
const LEASE_MS = 10_000
const POLL_MS = 100
/** Milliseconds to wait for what another process finds out. It may have died, and its lease is longer. */
const WAIT_MS = 4000
const FIRST_RETRY_MS = 30_000
/** Milliseconds by which the clocks of servers may differ. What lies further ahead than its own span and this was written
 * by a clock that went wrong, and must not keep anybody from asking. */
const SKEW_MS = 15_000
/** Tries to write against others who write at the same time. */
const TRIES = 8
/** Milliseconds until an answer that the store did not take is offered to it again, all within the lease. */
const SAVE_AGAIN_MS = [100, 900, 2000, 4000]

export function openRecheck(parts: RecheckParts): Recheck {
  const { secrets, grants, pauses, now } = parts
  const interval = parts.config.recheckSeconds * 1000
  const grace = parts.config.graceSeconds * 1000
  const longestPause = Math.max(interval, FIRST_RETRY_MS)
  const running = new Map<string, Promise<Verdict>>()

  return {
    async begin(accountId, idp, identity) {
      if (interval > 0 && parts.idps.get(idp)?.adapter.refresh) await secrets.begin(accountId, idp, identity)
      else await secrets.discard(accountId)
    },
    async check(accountId) {
      if (interval === 0) return {}
      const known = await secrets.read(accountId)
      if (!known) return {}
      if (isTurnedOff(known.standing)) {
        await secrets.forget(accountId, known.standing.signIn)
        return {}
      }
      if (settled(known.standing)) return judge(accountId, known.standing)
      const current = running.get(accountId) ?? find(accountId, known).finally(() => running.delete(accountId))
      running.set(accountId, current)
      return current
    },
    async end(accountId, reason) {
      const known = await secrets.fresh(accountId)
      const ended = await grants.endAll(accountId, reason)
      if (known) await secrets.forget(accountId, known.standing.signIn)
      return ended
    },
    async grantEnded(accountId) {
      // In this order: the grant of a sign-in is there before its secret.
      const known = await secrets.fresh(accountId)
      if (known && !(await grants.any(accountId))) await secrets.forget(accountId, known.standing.signIn)
    },
  }

  /** Whether re-checks of this IdP were turned off since the sign-in. An IdP that is gone is another matter. */
  function isTurnedOff({ idp, ended }: Standing): boolean {
    const adapter = parts.idps.get(idp)?.adapter
    return !ended && adapter !== undefined && !adapter.refresh
  }

  /** Whether there is nothing to ask, or to ask with. Beyond the grace the IdP gets a chance at each use. */
  function settled({ secret, goodAt, retryAt, ended }: Standing): boolean {
    if (ended || secret === undefined || ageOf(goodAt) < interval) return true
    const pause = retryAt - now()
    return pause > 0 && pause <= longestPause + SKEW_MS && ageOf(goodAt) < grace
  }

  function ageOf(goodAt: number): number {
    const age = now() - goodAt
    return age < -SKEW_MS ? interval : age
  }

  /** Still so for a while after its end: the clock of whoever asks may be behind. */
  function isLeased({ leasedUntil }: Standing): boolean {
    const left = leasedUntil - now()
    return left > -SKEW_MS && left <= LEASE_MS + SKEW_MS
  }

  async function judge(accountId: string, standing: Standing): Promise<Verdict> {
    const facts = { idp: standing.idp, account: accountId }
    if (standing.ended) {
      await grants.endAll(accountId, standing.ended)
      await secrets.forget(accountId, standing.signIn)
      return { over: standing.ended }
    }
    const age = ageOf(standing.goodAt)
    if (age < interval) return { claims: standing.claims }
    parts.unconfirmed(age >= grace, facts)
    return age < grace ? { claims: standing.claims } : { over: 'unconfirmed' }
  }

  /** Asks, or waits for whoever asks already, here or in another process. */
  async function find(accountId: string, first: Known): Promise<Verdict> {
    let known: Known | undefined = first
    const until = performance.now() + WAIT_MS
    while (known && performance.now() < until) {
      const { standing }: Known = known
      if (settled(standing)) return judge(accountId, standing)
      if (isLeased(standing)) await sleep(POLL_MS)
      else {
        const facts = { idp: standing.idp, account: accountId }
        if (!pauses.mayAsk(standing.idp) && ageOf(standing.goodAt) < grace) {
          parts.told('skipped', facts)
          return judge(accountId, standing)
        }
        const leased: Known | undefined = await secrets.change(known, {
          ...standing,
          leasedUntil: now() + LEASE_MS,
        })
        if (leased) return ask(accountId, leased)
      }
      known = await secrets.fresh(accountId)
    }
    return known ? judge(accountId, known.standing) : {}
  }

  async function ask(accountId: string, leased: Known): Promise<Verdict> {
    const { standing } = leased
    const answer = await consult(parts.idps.get(standing.idp)?.adapter, standing, (late) => {
      // Too late for the request, yet it may hold the only secret that the IdP still takes.
      if ('identity' in late || late.secret !== undefined || isFinal(late.result))
        void saveAgain(accountId, leased, late)
    })
    const silent = 'result' in answer && (answer.result === 'timeout' || answer.result === 'unavailable')
    if (silent) pauses.silent(standing.idp)
    else pauses.answered(standing.idp)
    const facts = { idp: standing.idp, account: accountId }
    parts.told('result' in answer ? answer.result : 'passed', facts, 'result' in answer ? answer.cause : undefined)
    try {
      return await save(accountId, leased, answer)
    } catch (error) {
      void saveAgain(accountId, leased, answer)
      throw error
    }
  }

  /** Writes down an answer, unless it is about a sign-in or a secret that has been replaced meanwhile. */
  async function save(accountId: string, asked: Known, answer: Answer): Promise<Verdict> {
    let known: Known | undefined = asked
    for (let attempt = 0; known && attempt < TRIES; attempt += 1) {
      const { signIn, secret }: Standing = known.standing
      if (signIn !== asked.standing.signIn || secret !== asked.standing.secret) break
      if ('result' in answer && isFinal(answer.result)) await parts.demanded(accountId, answer.cause)
      const changed: Known | undefined = await secrets.change(known, after(known.standing, answer))
      if (changed) return judge(accountId, changed.standing)
      known = await secrets.fresh(accountId)
    }
    return known ? judge(accountId, known.standing) : {}
  }

  /** For an answer that no request waits for any more. Never throws. */
  async function saveAgain(accountId: string, asked: Known, answer: Answer): Promise<void> {
    for (const delay of SAVE_AGAIN_MS) {
      await sleep(delay, undefined, { ref: false })
      const saved = await parts
        .apart(() => save(accountId, asked, answer))
        .then(
          () => true,
          () => false,
        )
      if (saved) return
    }
  }

  function after(standing: Standing, answer: Answer): Standing {
    const { secret, ...rest } = standing
    if ('identity' in answer) {
      const { claims, secret: next = secret, session = standing.session } = answer.identity
      return {
        ...rest,
        claims,
        ...(next === undefined ? undefined : { secret: next }),
        ...(session === undefined ? undefined : { session }),
        goodAt: now(),
        failures: 0,
        retryAt: 0,
        leasedUntil: 0,
      }
    }
    if (isFinal(answer.result)) return { ...rest, ended: answer.result, leasedUntil: 0 }
    const failures = standing.failures + 1
    const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10), longestPause)
    const { secret: renewed = secret } = answer
    return {
      ...rest,
      ...(renewed === undefined ? undefined : { secret: renewed }),
      failures,
      retryAt: now() + pause,
      leasedUntil: 0,
    }
  }
}

function isFinal(result: string): result is 'denied' | 'not_allowed' {
  return result === 'denied' || result === 'not_allowed'
}
