/**
 * What is known of a user at their IdP: the upstream secret that a re-check needs, and how the last ones went. One record
 * for each account, beside it.
 *
 * Owns the record, that no write of it is lost, and how long it is kept: shortly for a code that may never come, and then
 * as long as a refresh token of the account can. When to ask the IdP, and what an answer means, is left to `recheck.ts`.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Claims, Identity, Refusal } from '../adapter.ts'
import { type Store, type StoredRecord, StoreUnavailable } from '../store.ts'
import { SKEW_MS } from './standing.ts'

export const SECRET_KIND = 'UpstreamSecret'

export interface Standing {
  /** One for each sign-in, so that the end of an earlier one is not taken for the end of this. */
  readonly signIn: string
  /** The sign-in that brought the secret, so that an answer to an earlier secret is not taken for one to this. */
  readonly broughtBy?: string
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
  /** Somebody gives the record a new end, and nobody else writes before this. Milliseconds. */
  readonly heldUntil?: number
}

/** Who signed in, and when by the clock of the engine. */
export interface SignedIn {
  readonly idp: string
  readonly subject: string
  readonly claims: Claims
  /** Milliseconds. */
  readonly signedInAt: number
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
   * @param refreshes whether the client can use it; for one that cannot, only what others need is kept up to date
   * @throws {StoreUnavailable} also when others write all the time
   */
  begin(accountId: string, idp: string, identity: Identity, refreshes: boolean): Promise<void>
  /** Writes a standing where there is none, for a sign-in of which nothing is known any more, and answers what is known.
   * The grace runs from the sign-in, however late this is. */
  found(accountId: string, user: SignedIn): Promise<Standing>
  /** Keeps what is known as long as a refresh token that is issued now can live, and writes a standing where there is
   * none: the client may not have been one that can refresh when its user signed in. @throws {StoreUnavailable} as above */
  keep(accountId: string, user: SignedIn): Promise<void>
  /** Writes a new standing if the record is still as it was read. Answers it, or nothing when it was not. */
  change(known: Known, standing: Standing): Promise<Known | undefined>
  /** The same with the outcome of a check: a good one also keeps the record for what may be issued until the next.
   * Answers whether it was written. */
  settle(known: Known, standing: Standing): Promise<boolean>
  /** Deletes whatever is known. */
  discard(accountId: string): Promise<void>
  /** Deletes what is known, unless the user signed in again since `signIn`. */
  forget(accountId: string, signIn: string): Promise<void>
}

export interface SecretsParts {
  readonly store: SecretStore
  readonly reads: Pick<Store, 'get'>
  /** Milliseconds from a good answer to the end of the last refresh token that may be issued before the next one. */
  readonly lifetime: number
  /** Told why a record could not be read. Answers whether it never can, and is to be deleted. */
  readonly damaged: (accountId: string, error: unknown) => boolean
  /** Runs work with as much time for the store as a request of its own has. */
  readonly apart: <T>(work: () => T) => T
  readonly now: () => number
}

/** Milliseconds from a sign-in until its code has been used. An interaction has ten minutes, and a code one. */
const PENDING_MS = 900_000
/** A part of the lifetime by which records live longer, so that their end is written a few times only. */
const SLACK = 1 / 8
/** Milliseconds for the second of two writes. */
const HOLD_MS = 2000
const LOOK_AGAIN_MS = 50
/** Tries against others who write at the same time: a second. */
const TRIES = 20

export function openSecrets({ store, reads, lifetime, damaged, apart, now }: SecretsParts): Secrets {
  const full = Math.ceil(lifetime * (1 + SLACK))

  const fresh = (accountId: string) => opened(accountId, () => store.get(SECRET_KIND, accountId))

  /** A damaged record helps nobody, and would be in the way of the next sign-in. */
  async function opened(accountId: string, look: () => Promise<StoredRecord | undefined>): Promise<Known | undefined> {
    try {
      return known(await look())
    } catch (error) {
      if (!damaged(accountId, error)) throw error
      await store.delete(SECRET_KIND, accountId)
      return undefined
    }
  }

  async function insert(accountId: string, standing: Standing, expiresAt: number): Promise<boolean> {
    const record = { kind: SECRET_KIND, id: accountId, accountId, payload: JSON.stringify(standing), expiresAt }
    return store.put(record, 'insert')
  }

  async function replace({ record, standing: before }: Known, standing: Standing): Promise<Known | undefined> {
    const held = (before.heldUntil ?? 0) - now()
    // Still so for a while after its end: the clock of whoever holds it may be behind. Whoever died holds it as long.
    if (held > -SKEW_MS && held <= HOLD_MS + SKEW_MS) {
      await sleep(LOOK_AGAIN_MS)
      return undefined
    }
    return known(await store.replace(record, JSON.stringify(standing)))
  }

  const change = (before: Known, standing: Standing) => replace(before, released(standing))

  /** Writes a standing, and sees to it that the record lives until `end`. A conditional write leaves the end as it is, so
   * a new one takes two: the first keeps others away until the second is through. */
  async function changeUntil(before: Known, standing: Standing, end: number, atLeast = end): Promise<boolean> {
    if ((before.record.expiresAt ?? 0) >= atLeast) return (await change(before, standing)) !== undefined
    if (!(await replace(before, { ...before.standing, heldUntil: now() + HOLD_MS }))) return false
    const record = { ...before.record, payload: JSON.stringify(released(standing)), expiresAt: end }
    return store.put(record, 'update')
  }

  async function persistently(attempt: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) if (await attempt()) return
    throw new StoreUnavailable('What is known of a user is written by others all the time.')
  }

  return {
    read: (accountId) => opened(accountId, () => reads.get(SECRET_KIND, accountId)),
    fresh,
    change,
    begin: (accountId, idp, identity, refreshes) =>
      persistently(async () => {
        const before = await fresh(accountId)
        if (!before && !refreshes) return true
        const standing = signedIn(before?.standing, idp, identity, now())
        const end = now() + PENDING_MS
        return before ? changeUntil(before, standing, end) : insert(accountId, standing, end)
      }),
    async found(accountId, user) {
      const standing = unknown(user)
      if (await insert(accountId, standing, now() + full)) return standing
      // Somebody else has found it, or the user signed in.
      return (await fresh(accountId))?.standing ?? standing
    },
    keep: (accountId, user) =>
      persistently(async () => {
        const before = await fresh(accountId)
        if (!before) return insert(accountId, unknown(user), now() + full)
        if ((before.record.expiresAt ?? 0) >= now() + lifetime) return true
        return changeUntil(before, before.standing, now() + full)
      }),
    settle: (before, standing) => changeUntil(before, standing, standing.goodAt + full, standing.goodAt + lifetime),
    async discard(accountId) {
      await store.delete(SECRET_KIND, accountId)
    },
    async forget(accountId, signIn) {
      const taken = await opened(accountId, () => store.take(SECRET_KIND, accountId))
      // The user signed in between our look and our write.
      if (!taken || taken.standing.signIn === signIn) return
      // Not called off with the request that asked, however long it has waited: it would be gone.
      await apart(() => store.put(taken.record, 'insert'))
    },
  }
}

function signedIn(before: Standing | undefined, idp: string, identity: Identity, now: number): Standing {
  const { subject, secret, session, claims } = identity
  const fresh = { claims, goodAt: now, failures: 0, retryAt: 0 }
  const signIn = randomUUID()
  // Still as brought by its own sign-in, for whoever asks with it at this moment.
  if (secret === undefined && before?.secret !== undefined) return { ...before, ...fresh, signIn }
  return {
    signIn,
    broughtBy: signIn,
    idp,
    subject,
    ...(secret === undefined ? undefined : { secret }),
    ...(session === undefined ? undefined : { session }),
    ...fresh,
    leasedUntil: 0,
  }
}

/** Of a sign-in that left nothing to ask with. */
function unknown({ idp, subject, claims, signedInAt }: SignedIn): Standing {
  return signedIn(undefined, idp, { subject, claims }, signedInAt)
}

function released({ heldUntil: _, ...standing }: Standing): Standing {
  return standing
}

function known(record: StoredRecord | undefined): Known | undefined {
  return record && { standing: JSON.parse(record.payload), record }
}
