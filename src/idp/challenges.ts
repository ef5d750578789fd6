/**
 * Claims challenges: what an IdP demands of a new sign-in (OpenID Connect Core section 5.5).
 *
 * Owns which of them are followed, and those that a re-check met: only a browser can answer one, so they wait beside the
 * account for its next sign-in. Sending the browser there is left to `interaction/`.
 */
import { isLoginRefused } from '../adapter.ts'
import type { Store } from '../store.ts'
import { readable } from './readable.ts'

export const CHALLENGE_KIND = 'PendingChallenge'

/** Milliseconds: for whoever finds in the morning what ended at night. An IdP that still demands it later says so again. */
const LIFETIME = 24 * 60 * 60 * 1000
/** Characters as they stand in an address of the IdP. A challenge takes some hundreds. */
const MAX_ENCODED = 4096

/** A challenge to follow; or why there is none to follow, where the refusal had one. */
export type Challenge = { readonly claims: string } | { readonly claims?: undefined; readonly fault?: string }

export interface Challenges {
  /** Remembers what a refusal demands of the next sign-in of an account, if anything. */
  keep(accountId: string, refused: unknown): Promise<void>
  /** What the sign-in of an account must carry. */
  pending(accountId: string): Promise<string | undefined>
  /** A sign-in carried it and was good. */
  met(accountId: string): Promise<void>
}

/** The challenge of a refusal when it is a JSON object of bounded size. */
export function challengeOf(refused: unknown): Challenge {
  const challenge: unknown = readable(() => (isLoginRefused(refused) ? refused.challenge : undefined))
  if (challenge === undefined) return {}
  if (typeof challenge !== 'string') return { fault: 'is no text' }
  const encoded = new URLSearchParams({ claims: challenge }).toString()
  if (encoded.length > MAX_ENCODED) return { fault: `is longer than ${MAX_ENCODED} characters in an address` }
  try {
    const claims: unknown = JSON.parse(challenge)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return { claims: challenge }
  } catch {
    // Told below. The error would quote the text.
  }
  return { fault: 'is no JSON object' }
}

export function openChallenges(store: Pick<Store, 'get' | 'put' | 'delete'>, now: () => number): Challenges {
  return {
    async keep(accountId, refused) {
      const { claims } = challengeOf(refused)
      if (claims === undefined) return
      const record = { kind: CHALLENGE_KIND, id: accountId, accountId, payload: claims, expiresAt: now() + LIFETIME }
      await store.put(record, 'upsert')
    },
    async pending(accountId) {
      return (await store.get(CHALLENGE_KIND, accountId))?.payload
    },
    async met(accountId) {
      await store.delete(CHALLENGE_KIND, accountId)
    },
  }
}
