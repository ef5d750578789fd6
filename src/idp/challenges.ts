/**
 * Claims challenges: what an IdP demands of a new sign-in (OpenID Connect Core section 5.5).
 *
 * Owns which of them are followed, and those that a re-check met: only a browser can answer one, so they wait beside the
 * account for its next sign-in. Sending the browser there is left to `interaction/`.
 */
import { readable } from '../errors.ts'
import type { Store } from '../store.ts'
import { refusalOf } from './refusals.ts'

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
  /** A sign-in carried it and was refused: it gives way to what that demands, if anything. One that can no longer be met,
   * since its policy is gone, would shut the user out; a re-check whose IdP still demands it says so again. */
  refused(accountId: string, claims: string, refused: unknown): Promise<void>
}

/** The challenge of a refusal when it is a JSON object of bounded size. */
export function challengeOf(refused: unknown): Challenge {
  const challenge: unknown = readable(() => refusalOf(refused)?.challenge)
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

/** @param damaged told why a record could not be read. Answers whether it never can, and is to be deleted */
export function openChallenges(
  store: Pick<Store, 'get' | 'put' | 'delete'>,
  damaged: (accountId: string, error: unknown) => boolean,
  now: () => number,
): Challenges {
  async function keep(accountId: string, refused: unknown): Promise<boolean> {
    const { claims } = challengeOf(refused)
    if (claims === undefined) return false
    const record = { kind: CHALLENGE_KIND, id: accountId, accountId, payload: claims, expiresAt: now() + LIFETIME }
    return store.put(record, 'upsert')
  }

  async function pending(accountId: string): Promise<string | undefined> {
    try {
      return (await store.get(CHALLENGE_KIND, accountId))?.payload
    } catch (error) {
      if (!damaged(accountId, error)) throw error
      await met(accountId)
      return undefined
    }
  }

  async function met(accountId: string): Promise<void> {
    await store.delete(CHALLENGE_KIND, accountId)
  }

  return {
    async keep(accountId, refused) {
      await keep(accountId, refused)
    },
    pending,
    met,
    async refused(accountId, claims, refused) {
      // A re-check may have met another one meanwhile.
      if ((await pending(accountId)) === claims && !(await keep(accountId, refused))) await met(accountId)
    },
  }
}
