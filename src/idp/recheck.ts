/**
 * Asks the IdP again about a user whose client uses a refresh token: is this still somebody whom the company lets in?
 *
 * Owns who asks when several want to know, and what an answer means for the user's grants. An answer is final only when
 * the adapter says so; an IdP that is away, slow or unintelligible is forgiven for the grace. How the user is asked about
 * is the adapter's; the times are `standing.ts`, the record behind it is `secrets.ts`, and ending grants is the engine's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Claims, Identity, Refusal } from '../adapter.ts'
import type { Config } from '../config/schema.ts'
import { type Answer, consult, LIMIT_MS } from './consult.ts'
import type { Pauses } from './pause.ts'
import type { OpenIdp } from './registry.ts'
import type { Known, Secrets, SignedIn, Standing } from './secrets.ts'
import { isFinal, openRules } from './standing.ts'

/** What a refresh may do: go on, with what is known of the user when anything is, or not. */
export type Verdict = { readonly claims?: Claims } | { readonly over: Refusal | 'unconfirmed' }

/** As it is kept of the last sign-in. */
export interface CheckedAccount extends SignedIn {
  readonly id: string
}

/** A verdict for whoever waits for it, and whether it goes on, or not, for want of an answer. */
interface Judged {
  readonly verdict: Verdict
  readonly unconfirmed?: boolean
}

export interface Recheck {
  /** Of the request that is being answered. @throws {StoreUnavailable} when it cannot be decided */
  check(account: CheckedAccount): Promise<Verdict>
  /** At a sign-in, once its grant is in the store. Where nobody is asked, nothing is kept.
   * @param refreshes whether the client can use refresh tokens */
  begin(accountId: string, idp: string, identity: Identity, refreshes: boolean): Promise<void>
  /** Before the first refresh token of a grant is issued: what was kept at the sign-in is needed as long as that lives. */
  connected(account: CheckedAccount): Promise<void>
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

const POLL_MS = 100
/** Milliseconds to wait for what another process finds out, which may have died, and for the IdP: together, since a client
 * waits for both. */
const WAIT_MS = 4000
/** Milliseconds that must be left of them to ask the IdP. */
const LEAST_MS = 1000
/** Tries to write against others who write at the same time. */
const TRIES = 8
/** Milliseconds until an answer that the store did not take is offered to it again, all within the lease. */
const SAVE_AGAIN_MS = [100, 900, 2000, 4000]

export function openRecheck(parts: RecheckParts): Recheck {
  const { secrets, grants, pauses } = parts
  const rules = openRules(parts.config, parts.now)
  const isOn = parts.config.recheckSeconds > 0
  const running = new Map<string, Promise<Judged>>()

  return {
    async begin(accountId, idp, identity, refreshes) {
      if (asks(idp)) await secrets.begin(accountId, idp, identity, refreshes)
      else await secrets.discard(accountId)
    },
    async connected({ id, ...user }) {
      if (asks(user.idp)) await secrets.keep(id, user)
    },
    async check(account) {
      if (!isOn) return {}
      const { id, ...user } = account
      const known = await secrets.read(id)
      if (!known && !asks(user.idp)) return {}
      if (known && isTurnedOff(known.standing)) {
        await secrets.forget(id, known.standing.signIn)
        return {}
      }
      // Signed in before anybody was asked, or what was known is lost: a sign-in that brought nothing to ask with.
      const { verdict, unconfirmed } = known
        ? await judgedOnce(id, known)
        : await judge(id, await secrets.found(id, user))
      if (unconfirmed) parts.unconfirmed('over' in verdict, { idp: user.idp, account: id })
      return verdict
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

  function asks(idp: string): boolean {
    return isOn && parts.idps.get(idp)?.adapter.refresh !== undefined
  }

  /** Whether re-checks of this IdP were turned off since the sign-in. An IdP that is gone is another matter. */
  function isTurnedOff({ idp, ended }: Standing): boolean {
    const adapter = parts.idps.get(idp)?.adapter
    return !ended && adapter !== undefined && !adapter.refresh
  }

  async function judge(accountId: string, standing: Standing): Promise<Judged> {
    if (standing.ended) {
      await grants.endAll(accountId, standing.ended)
      await secrets.forget(accountId, standing.signIn)
      return { verdict: { over: standing.ended } }
    }
    const verdict = { claims: standing.claims }
    if (rules.isRecent(standing)) return { verdict }
    return { verdict: rules.isInGrace(standing) ? verdict : { over: 'unconfirmed' }, unconfirmed: true }
  }

  /** One question for all who wait in this process. */
  function judgedOnce(accountId: string, known: Known): Promise<Judged> {
    if (rules.isSettled(known.standing)) return judge(accountId, known.standing)
    const current = running.get(accountId) ?? find(accountId, known).finally(() => running.delete(accountId))
    running.set(accountId, current)
    return current
  }

  /** Asks, or waits for whoever asks already, here or in another process. */
  async function find(accountId: string, first: Known): Promise<Judged> {
    let known: Known | undefined = first
    const until = performance.now() + WAIT_MS
    while (known && performance.now() < until) {
      const { standing }: Known = known
      if (rules.isSettled(standing)) return judge(accountId, standing)
      if (rules.isLeased(standing)) await sleep(POLL_MS)
      else {
        const left = until - performance.now()
        if (left < LEAST_MS) return judge(accountId, standing)
        const done = pauses.begin(standing.idp, rules.isInGrace(standing))
        if (!done) {
          parts.told('skipped', { idp: standing.idp, account: accountId })
          return judge(accountId, standing)
        }
        try {
          const leased: Known | undefined = await secrets.change(known, rules.leased(standing))
          if (leased) return await ask(accountId, leased, Math.min(LIMIT_MS, left))
        } finally {
          done()
        }
      }
      known = await secrets.fresh(accountId)
    }
    return known ? judge(accountId, known.standing) : { verdict: {} }
  }

  async function ask(accountId: string, leased: Known, limit: number): Promise<Judged> {
    const { standing } = leased
    const facts = { idp: standing.idp, account: accountId }
    const tell = (told: Answer) =>
      'result' in told ? parts.told(told.result, facts, told.cause) : parts.told('passed', facts)
    const keepLate = (late: Answer) => {
      tell(late)
      // Too late for the request, yet it may hold the only secret that the IdP still takes.
      if ('identity' in late || late.secret !== undefined || isFinal(late.result))
        void saveAgain(accountId, leased, late)
    }
    const answer = await consult(parts.idps.get(standing.idp)?.adapter, standing, keepLate, limit)
    const heard = 'result' in answer ? answer.heard : 'answered'
    if (heard !== 'nothing') pauses[heard](standing.idp)
    tell(answer)
    try {
      return await save(accountId, leased, answer)
    } catch (error) {
      void saveAgain(accountId, leased, answer)
      throw error
    }
  }

  /** Writes down an answer, unless it is about a sign-in or a secret that has been replaced meanwhile. */
  async function save(accountId: string, asked: Known, answer: Answer): Promise<Judged> {
    let known: Known | undefined = asked
    for (let attempt = 0; known && attempt < TRIES; attempt += 1) {
      const { broughtBy, secret }: Standing = known.standing
      if (broughtBy !== asked.standing.broughtBy || secret !== asked.standing.secret) break
      if ('result' in answer && isFinal(answer.result)) await parts.demanded(accountId, answer.cause)
      const next = rules.after(known.standing, answer)
      if (await secrets.settle(known, next)) return judge(accountId, next)
      known = await secrets.fresh(accountId)
    }
    return known ? judge(accountId, known.standing) : { verdict: {} }
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
}
