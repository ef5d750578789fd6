/**
 * The arithmetic of re-checks: what the times in a standing say now, and what an answer makes of them. Everything here is
 * a rule; who reads and writes is `recheck.ts`.
 */
import type { Config } from '../config/schema.ts'
import type { Answer } from './consult.ts'
import type { Standing } from './secrets.ts'

export interface Rules {
  /** Milliseconds since the IdP vouched for the user. */
  ageOf(standing: Standing): number
  /** Whether the user may go on without an answer. */
  isInGrace(standing: Standing): boolean
  /** Whether the IdP need not be asked again yet. */
  isRecent(standing: Standing): boolean
  /** Whether there is nothing to ask, or to ask with, or it is too early to ask again. */
  isSettled(standing: Standing): boolean
  /** Whether somebody asks already. */
  isLeased(standing: Standing): boolean
  leased(standing: Standing): Standing
  /** With an answer written down. */
  after(standing: Standing, answer: Answer): Standing
}

/** Milliseconds for whoever asks to write down the answer; more than an answer may take. */
const LEASE_MS = 10_000
const FIRST_RETRY_MS = 30_000
/** Milliseconds by which the clocks of servers may differ. What lies further ahead than its own span and this was written
 * by a clock that went wrong, and must not keep anybody from asking. */
export const SKEW_MS = 15_000

export function openRules({ recheckSeconds, graceSeconds }: Config['sessions'], now: () => number): Rules {
  const interval = recheckSeconds * 1000
  const grace = graceSeconds * 1000
  const longestPause = Math.max(interval, FIRST_RETRY_MS)

  function ageOf({ goodAt }: Standing): number {
    const age = now() - goodAt
    return age < -SKEW_MS ? interval : age
  }
  const isInGrace = (standing: Standing) => ageOf(standing) < grace
  const isRecent = (standing: Standing) => ageOf(standing) < interval
  /** Beyond the grace the user waits for the answer, and the IdP is asked as often as it can bear. */
  const pauseOf = (standing: Standing) => (isInGrace(standing) ? longestPause : FIRST_RETRY_MS)

  return {
    ageOf,
    isInGrace,
    isRecent,
    isSettled(standing) {
      if (standing.ended || standing.secret === undefined || isRecent(standing)) return true
      const pause = standing.retryAt - now()
      return pause > 0 && pause <= pauseOf(standing) + SKEW_MS
    },
    /** Still so for a while after its end: the clock of whoever asks may be behind. */
    isLeased({ leasedUntil }) {
      const left = leasedUntil - now()
      return left > -SKEW_MS && left <= LEASE_MS + SKEW_MS
    },
    leased: (standing) => ({ ...standing, leasedUntil: now() + LEASE_MS }),
    after(standing, answer) {
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
      const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10), pauseOf(standing))
      const { secret: renewed = secret } = answer
      return {
        ...rest,
        ...(renewed === undefined ? undefined : { secret: renewed }),
        failures,
        retryAt: now() + pause,
        leasedUntil: 0,
      }
    },
  }
}

export function isFinal(result: string): result is 'denied' | 'not_allowed' {
  return result === 'denied' || result === 'not_allowed'
}
