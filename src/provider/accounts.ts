/**
 * The people who signed in: one account per IdP and subject, never linked by e-mail or name (nOAuth).
 * Owns the derivation of `sub` and the claims we tell about a user; who the user is, an adapter has proven before.
 */
import { createHash } from 'node:crypto'
import type { Account as ProviderAccount } from 'oidc-provider'
import type { Claims, Identity } from '../adapter.ts'
import type { Store } from '../store.ts'

export interface Account {
  readonly id: string
  readonly idp: string
  readonly subject: string
  readonly claims: Claims
}

export interface Accounts {
  /** Records what the IdP said about a user at this sign-in and answers the account's id. */
  remember(idp: string, identity: Identity): Promise<Account>
  find(id: string): Promise<Account | undefined>
}

const KIND = 'Account'

/** @param lifetime milliseconds an account is kept after its last sign-in; as long as its grants can live. */
export function openAccounts(
  store: Pick<Store, 'put'>,
  reads: Pick<Store, 'get'>,
  lifetime: number,
  now: () => number,
): Accounts {
  return {
    async remember(idp, identity) {
      const account: Account = {
        id: accountId(idp, identity.subject),
        idp,
        subject: identity.subject,
        claims: identity.claims,
      }
      const { id, ...rest } = account
      await store.put({ kind: KIND, id, payload: JSON.stringify(rest), expiresAt: now() + lifetime }, 'upsert')
      return account
    },
    async find(id) {
      const record = await reads.get(KIND, id)
      return record && { id, ...JSON.parse(record.payload) }
    },
  }
}

/** The `sub` of our tokens: stable for a user of an IdP, without telling who that is. */
export function accountId(idp: string, subject: string): string {
  return createHash('sha256')
    .update(JSON.stringify([idp, subject]))
    .digest('base64url')
}

/** The account as the library hands it around, with what the IdP said about the user. */
interface KnownAccount extends ProviderAccount {
  readonly profile: Claims
}

/** What an ID token may say, by scope (OpenID Connect Core section 5.4). */
export function asProviderAccount({ id, claims: profile }: Account): KnownAccount {
  const { name, email, emailVerified, username } = profile
  return {
    accountId: id,
    profile,
    async claims() {
      return {
        sub: id,
        ...(name ? { name } : undefined),
        ...(username ? { preferred_username: username } : undefined),
        ...(email ? { email, email_verified: emailVerified ?? false } : undefined),
      }
    },
  }
}

/** The claims about the user that access tokens for a resource carry, as its configuration says. */
export function accessTokenClaims(
  account: ProviderAccount | undefined,
  wanted: readonly (keyof Claims)[],
): Record<string, unknown> {
  const { profile = {} } = (account ?? {}) as Partial<KnownAccount>
  const known = wanted.filter((claim) => profile[claim] !== undefined)
  return Object.fromEntries(known.map((claim) => [claim, profile[claim]]))
}
