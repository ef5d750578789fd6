/**
 * Wires what ends grants when the company says so: the re-check of users at their IdP, and its back-channel logout. It
 * tells the audit log and the metrics what came of them, and owns no rule: those are in `idp/`, `interaction/` and
 * `provider/`.
 */
import type { Logger } from 'pino'
import type { LogoutNotice } from './adapter.ts'
import type { Config } from './config/schema.ts'
import { type Challenges, openChallenges } from './idp/challenges.ts'
import { openPauses } from './idp/pause.ts'
import { openRecheck, type Recheck, type RecheckParts } from './idp/recheck.ts'
import type { OpenIdp } from './idp/registry.ts'
import { openSecrets, type SecretStore } from './idp/secrets.ts'
import type { Audit } from './observe/audit.ts'
import { clean } from './observe/clean.ts'
import type { Metrics } from './observe/metrics.ts'
import { accountId } from './provider/accounts.ts'
import { type Ended, type Grants, openGrants } from './provider/grants.ts'
import type { ReadAhead } from './provider/read-ahead.ts'
import type { Store, StoredRecord } from './store.ts'
import { SealBroken } from './stores/seal.ts'

export interface SessionParts {
  readonly config: Config
  readonly store: Store & SecretStore
  readonly reads: ReadAhead
  readonly idps: ReadonlyMap<string, OpenIdp>
  readonly audit: Audit
  readonly metrics?: Metrics | undefined
  readonly log: Logger
  readonly apart: RecheckParts['apart']
  readonly now: () => number
}

export interface Sessions {
  readonly recheck: Recheck
  readonly grants: Grants
  readonly challenges: Challenges
  /** A code was used twice, and its grant has ended. */
  codeReplayed(code: StoredRecord): void
  /** Ends what a logout token names. Answers how many grants there were, and how many records were passed over. */
  loggedOut(idp: string, notice: LogoutNotice): Promise<Pick<Ended, 'grants' | 'passedOver'>>
}

export function openSessions(parts: SessionParts): Sessions {
  const { config, store, reads, idps, now } = parts
  const grants = openGrants({
    store,
    audit: parts.audit,
    lifetime: config.tokens.grantSeconds * 1000,
    damaged: (kind, count) => parts.log.error({ kind, count }, RECORDS_DAMAGED),
    now,
  })
  const challenges = openChallenges(store, unsealable(parts.log, CHALLENGE_DAMAGED), now)
  const recheck = openRecheck({
    config: config.sessions,
    idps,
    secrets: openSecrets({
      store,
      reads,
      lifetime: secretLifetime(config),
      damaged: unsealable(parts.log, SECRET_DAMAGED),
      apart: parts.apart,
      now,
    }),
    pauses: openPauses(now),
    grants,
    demanded: challenges.keep,
    ...tellers(parts),
    apart: parts.apart,
    now,
  })
  return {
    recheck,
    grants,
    challenges,
    codeReplayed({ grantId: grant, accountId: account, clientId: client }) {
      parts.audit('grant.ended', { grant, account, client, reason: 'code_reuse' })
      if (account)
        recheck.grantEnded(account).catch((err) => parts.log.warn({ err }, 'an upstream secret stays behind'))
    },
    async loggedOut(idp, { subject, session }) {
      if (session === undefined) {
        const account = accountId(idp, subject ?? '')
        const count = await recheck.end(account, 'logout')
        return { grants: count, passedOver: await grants.passedOver(account) }
      }
      const ended = await grants.endSession(idp, session, subject, 'logout')
      for (const account of ended.accounts) await recheck.grantEnded(account)
      return ended
    },
  }
}

const RECORDS_DAMAGED =
  'records that cannot be opened were passed over: a Grant serves nobody, but that of an UpstreamSession has not ended'
const SECRET_DAMAGED =
  'what was known of a user at their IdP cannot be opened and was deleted: they must sign in again when the grace since that is over'

const CHALLENGE_DAMAGED =
  'what an IdP demands of the next sign-in of a user cannot be opened and was deleted: the next re-check demands it again'

/** Tells the operator of a record that can never be opened again. */
function unsealable(log: Logger, message: string): (account: string, err: unknown) => boolean {
  return (account, err) => {
    if (!(err instanceof SealBroken)) return false
    log.error({ account, err }, message)
    return true
  }
}

/** Milliseconds. A refresh token is issued until the grace is over, and ends with its grant at the latest. */
function secretLifetime({ tokens, sessions }: Config): number {
  const unchecked = Math.max(sessions.recheckSeconds, sessions.graceSeconds)
  return Math.min(tokens.refreshTokenSeconds + unchecked, tokens.grantSeconds) * 1000
}

function tellers({ audit, metrics, log }: SessionParts): Pick<RecheckParts, 'told' | 'unconfirmed'> {
  return {
    told(result, facts, err) {
      metrics?.rechecked(facts.idp, result)
      if (result === 'skipped') return
      if (result === 'passed') return audit('recheck.passed', facts)
      const ended = result === 'denied' || result === 'not_allowed'
      audit(ended ? 'recheck.ended' : 'recheck.unanswered', { ...facts, reason: result })
      // Whatever logger this is, it must not break on what an adapter threw.
      log.warn(
        { ...facts, err: clean(err) },
        ended ? 'access has ended at the IdP' : 'a user could not be checked at the IdP',
      )
    },
    unconfirmed(over, facts) {
      audit(over ? 'recheck.grace_over' : 'recheck.in_grace', facts)
      if (!over) metrics?.inGrace(facts.idp)
    },
  }
}
