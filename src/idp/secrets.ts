/**
 * What is known of a user at their IdP: the upstream secret that a re-check needs, and how the last ones went. One record
 * for each account, beside it.
 *
 * Owns the record, and that no write of it is lost: whoever changes it names the state that they read, and a store
 * compares the two in one write. When to ask the IdP, and what an answer means, is left to `recheck.ts`.
 */
import { randomUUID } from 'node:crypto'
import type { Claims, Identity, Refusal } from '../adapter.ts'
import type { Store, StoredRecord } from '../store.ts'

export const SECRET_KIND = 'UpstreamSecret'

export interface Standing {
  /** One for each sign-in, so that an answer about an earlier one is not taken for one about this. */
  readonly signIn: string
  readonly idp: string
  readonly subject: string
  /** Absent when no sign-in brought one, and as soon as access has ended. */
  readonly secret?: string
  readonly session?: string
  /** As of the last good answer. */
  readonly claims: Claims
  /** When the IdP last vouched for the user: at the sign-in or a re-check. Milliseconds. */
  readonly goodAt: number
  /** Checks without an answer since then. */
  readonly failures: number
  /** The IdP is not asked again before this. Milliseconds. */
  readonly retryAt: number
  /** Somebody asks the IdP, and has until then to write down what it said. Milliseconds. */
  readonly leasedUntil: number
  /** Access has ended, and this is why; the grants of the account are on their way out. */
  readonly ended?: Refusal
}

/** A standing as it was read. */
export interface Known {
  readonly standing: Standing
  readonly record: StoredRecord
}

/** The store, with conditional replacement; see `SealedStore`. */
export interface SecretStore extends Pick<Store, 'get' | 'put' | 'take' | 'delete'> {
  replace(record: StoredRecord, payload: string): Promise<StoredRecord | undefined>
}

export interface Secrets {
  /** For the request that is being answered, perhaps by a read that it began earlier. */
  read(accountId: string): Promise<Known | undefined>
  /** As it is in the store now. */
  fresh(accountId: string): Promise<Known | undefined>
  /**
   * At a sign-in: replaces whatever was known. The browser carries the wish for a secret and could drop it, so a sign-in
   * without one leaves the secret of an earlier one in place. With neither there is a standing that ends with the grace.
   */
  begin(accountId: string, idp: string, identity: Identity): Promise<void>
  /** Writes a new standing if the record is still as it was read. Answers it, or nothing when it was not. */
  change(known: Known, standing: Standing): Promise<Known | undefined>
  /** Deletes whatever is known. */
  discard(accountId: string): Promise<void>
  /** Deletes what is known, unless the user signed in again since `signIn`. */
  forget(accountId: string, signIn: string): Promise<void>
}

/** @param lifetime milliseconds a record is kept after the sign-in; as long as the grants of the account can live */
export function openSecrets(
  store: SecretStore,
  reads: Pick<Store, 'get'>,
  lifetime: number,
  now: () => number,
): Secrets {
  return {
    read: async (accountId) => known(await reads.get(SECRET_KIND, accountId)),
    fresh: async (accountId) => known(await store.get(SECRET_KIND, accountId)),
    async begin(accountId, idp, { subject, secret, session, claims }) {
      const fresh = { claims, goodAt: now(), failures: 0, retryAt: 0 }
      const before = secret === undefined ? known(await store.get(SECRET_KIND, accountId))?.standing : undefined
      // Under its own `signIn`, for whoever asks with it at this moment.
      const standing: Standing =
        before?.secret !== undefined
          ? { ...before, ...fresh }
          : {
              signIn: randomUUID(),
              idp,
              subject,
              ...(secret === undefined ? undefined : { secret }),
              ...(session === undefined ? undefined : { session }),
              ...fresh,
              leasedUntil: 0,
            }
      const record = { kind: SECRET_KIND, id: accountId, accountId, payload: JSON.stringify(standing) }
      await store.put({ ...record, expiresAt: now() + lifetime }, 'upsert')
    },
    async change({ record }, standing) {
      return known(await store.replace(record, JSON.stringify(standing)))
    },
    async discard(accountId) {
      await store.delete(SECRET_KIND, accountId)
    },
    async forget(accountId, signIn) {
      const taken = await store.take(SECRET_KIND, accountId)
      // The user signed in between our look and our write.
      if (taken && known(taken)?.standing.signIn !== signIn) await store.put(taken, 'insert')
    },
  }
}

function known(record: StoredRecord | undefined): Known | undefined {
  return record && { standing: JSON.parse(record.payload), record }
}
