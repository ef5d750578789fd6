/**
 * The audit log: what was granted, used and ended, by whom, through whom.
 *
 * Owns the names of events and what each may say. They are lines of the log stream, one for each event, told from all
 * others by `audit: true`; they are only ever added, and no level of the log leaves them out. Names and fields are
 * stable: programs read them. Who records an event knows it happened; nothing here holds a credential.
 */
import type { Logger } from 'pino'

export type AuditEvent =
  /** A client registered itself (RFC 7591). */
  | 'client.registered'
  /** A user approved a client and signed in; `grant` is what came of it. */
  | 'consent.given'
  /** An authorization ended without a grant; `reason` is the error that the client gets. */
  | 'consent.refused'
  /** A code was issued on a grant. */
  | 'authorization.granted'
  /** Tokens were issued; `grant_type` tells a refresh from a code. */
  | 'token.issued'
  /** A client gave a token back, or one was used twice: its grant ended. */
  | 'grant.revoked'
  /** A grant ended here for `reason`: what the re-check said, a logout, or a code used twice. */
  | 'grant.ended'
  /** The IdP still vouches for the user. */
  | 'recheck.passed'
  /** The IdP gave no answer that counts; within the grace the user goes on. */
  | 'recheck.unanswered'
  /** A refresh went on without a good answer, since the last one is not longer ago than the grace. */
  | 'recheck.in_grace'
  /** A refresh was refused, since the last good check is longer ago than the grace. */
  | 'recheck.grace_over'
  /** The IdP no longer vouches for the user: `denied` or `not_allowed`. */
  | 'recheck.ended'
  /** The IdP posted a logout token that was good (OpenID Connect Back-Channel Logout 1.0). */
  | 'logout.backchannel'
  /** It posted one that was not. */
  | 'logout.refused'
  /** A browser left for the IdP to end its session there. */
  | 'logout.browser'

export interface AuditFacts {
  readonly client?: string | undefined
  readonly name?: string | undefined
  readonly account?: string | undefined
  readonly grant?: string | undefined
  readonly resource?: string | undefined
  readonly scopes?: string | undefined
  readonly idp?: string | undefined
  readonly reason?: string | undefined
  readonly grant_type?: string | undefined
  /** How many grants ended. */
  readonly grants?: number
  /** How many records could not be read, each of which may stand for a grant that goes on. */
  readonly passed_over?: number
  /** Of the request, as in its other log lines. */
  readonly reference?: string | undefined
}

export type Audit = (event: AuditEvent, facts: AuditFacts) => void

export function openAudit(log: Logger): Audit {
  // A log of warnings alone still holds who was let in. Only one that is switched off holds nothing.
  const lines = log.child({ audit: true }, log.level === 'silent' ? {} : { level: 'info' })
  return (event, facts) => lines.info({ event, ...facts }, WORDS[event])
}

const WORDS: Readonly<Record<AuditEvent, string>> = {
  'client.registered': 'client registered',
  'consent.given': 'the user approved the client',
  'consent.refused': 'no grant was made',
  'authorization.granted': 'code issued',
  'token.issued': 'tokens issued',
  'grant.revoked': 'grant revoked',
  'grant.ended': 'grant ended',
  'recheck.passed': 'the IdP vouches for the user',
  'recheck.unanswered': 'the IdP gave no answer about the user',
  'recheck.in_grace': 'the user goes on without a good answer',
  'recheck.grace_over': 'no good answer about the user for longer than the grace',
  'recheck.ended': 'the IdP no longer vouches for the user',
  'logout.backchannel': 'the IdP ended a session',
  'logout.refused': 'a logout token was refused',
  'logout.browser': 'a browser left to end its session at the IdP',
}
