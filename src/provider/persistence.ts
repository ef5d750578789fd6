/**
 * oidc-provider's storage adapter on top of {@link Store}: one object per model name.
 *
 * Single use is decided here, by the store's one conditional write, and not by the library, which reads first and
 * writes later. A store that cannot answer becomes 503 and is never mistaken for "not found", because clients throw
 * their registration away when they read `invalid_client`.
 */
import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { isStoreUnavailable, type PutMode, type Store, type StoredRecord } from '../store.ts'
import { withHashedSecret } from './client-secrets.ts'
import { presentedToken } from './presented-token.ts'
import type { ReadAhead } from './read-ahead.ts'
import { type Patience, type Rotation, refreshRotation } from './refresh-rotation.ts'

export interface PersistencePolicy {
  /** Milliseconds a spent refresh token may be used once more. */
  readonly refreshReuse: number
  /** Milliseconds until a client that never got a token is dropped. */
  readonly unusedClient: number
  /** A kind of which an account has a record that each use of its refresh tokens needs. */
  readonly refreshNeeds?: string | undefined
  readonly patience: Patience
  /** Told of a code that was used twice, whose grant has just ended. */
  readonly codeReplayed: (code: StoredRecord) => void
  readonly now: () => number
}

/** Models that are written once and never again, so that a late write cannot bring back a revoked one. So are refresh
 * tokens, by their rotation. */
const WRITTEN_ONCE = new Set(['AuthorizationCode', 'Grant', 'Client', 'ReplayDetection'])

/** What a token request presents, by grant type: the model and the parameter that is its id. */
const PRESENTED: Readonly<Record<string, readonly [model: string, parameter: string]>> = {
  authorization_code: ['AuthorizationCode', 'code'],
  refresh_token: ['RefreshToken', 'refresh_token'],
}

export function persistence(store: Store, reads: ReadAhead, policy: PersistencePolicy): (model: string) => Adapter {
  const { patience, refreshReuse, now } = policy
  const refreshTokens = refreshRotation({ store, patience, reuse: { within: refreshReuse, times: 1 }, now })
  return (model) => {
    if (model === 'Session') return new NoSessions()
    if (model === 'AccessToken') return new PresentedAccessTokens(store)
    return new StoredModel(model, store, reads, refreshTokens, policy)
  }
}

class StoredModel implements Adapter {
  readonly #model: string
  readonly #store: Store
  readonly #reads: ReadAhead
  readonly #refreshTokens: Rotation
  readonly #policy: PersistencePolicy

  constructor(model: string, store: Store, reads: ReadAhead, refreshTokens: Rotation, policy: PersistencePolicy) {
    this.#model = model
    this.#store = store
    this.#reads = reads
    this.#refreshTokens = refreshTokens
    this.#policy = policy
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const expiresAt = this.#policy.now() + (expiresIn === undefined ? this.#policy.unusedClient : expiresIn * 1000)
    if (this.#model === 'Grant' && payload.clientId) await this.#keepClient(payload.clientId, expiresAt)
    const record = {
      kind: this.#model,
      id,
      payload: JSON.stringify(this.#model === 'Client' ? withHashedSecret(payload) : payload),
      expiresAt,
      ...indexes(this.#model, id, payload),
    }
    const writing =
      this.#model === 'RefreshToken'
        ? this.#refreshTokens.complete(record)
        : this.#store.put(record, this.#mode(payload))
    if (await answered(writing)) return
    if (this.#model === 'ReplayDetection') throw new errors.InvalidClientAuth('the assertion was used before')
    if (this.#model === 'Interaction') throw new errors.SessionNotFound('the interaction is over')
    throw new Error(`a ${this.#model} with this id exists`)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.#model === 'Client') this.#readPresented()
    const record = await answered(this.#reads.get(this.#model, id))
    const payload = this.#payload(record)
    if (this.#model === 'RefreshToken' && Provider.ctx?.oidc?.route === 'token') this.#refreshTokens.look(record)
    if (this.#model === 'AuthorizationCode' || this.#model === 'RefreshToken') {
      refuseOtherResource(payload?.resource)
      if (Provider.ctx?.oidc?.route === 'token') this.#readOwners(record)
    }
    return payload
  }

  /** Side by side, since a token request looks at all of them next. */
  #readOwners(record: StoredRecord | undefined): void {
    if (record?.grantId) this.#reads.begin('Grant', record.grantId)
    if (!record?.accountId) return
    this.#reads.begin('Account', record.accountId)
    const { refreshNeeds } = this.#policy
    if (this.#model === 'RefreshToken' && refreshNeeds !== undefined) this.#reads.begin(refreshNeeds, record.accountId)
  }

  /** With the client of a token request goes what it presents. */
  #readPresented(): void {
    const oidc = Provider.ctx?.oidc
    const [model, parameter = ''] = (oidc?.route === 'token' && PRESENTED[String(oidc.params?.grant_type)]) || []
    const presented = oidc?.params?.[parameter]
    if (model !== undefined && typeof presented === 'string') this.#reads.begin(model, presented)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#payload(await answered(this.#store.find(this.#model, 'uid', uid)))
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#payload(await answered(this.#store.find(this.#model, 'userCode', userCode)))
  }

  /** @throws {errors.InvalidGrant} when another request spent it first; for a refresh token the write of the next one does */
  async consume(id: string): Promise<void> {
    if (this.#model === 'RefreshToken') return this.#refreshTokens.begin(id)
    if ((await answered(this.#store.consume(this.#model, id))) === 'first') return
    // RFC 6749 section 4.1.2: a code used twice also ends what was issued for it the first time.
    const lost = await answered(this.#store.get(this.#model, id))
    if (lost?.grantId) {
      await answered(this.#store.deleteGrant(lost.grantId))
      this.#policy.codeReplayed(lost)
    }
    throw new errors.InvalidGrant(`${this.#model} already used`)
  }

  async destroy(id: string): Promise<void> {
    // All that was issued under it goes with it, and usually is asked for at the same time.
    if (this.#model === 'Grant') return this.revokeByGrantId(id)
    // Only where its grant is ended too. Gone before that, it would not lead there when the client, or a thief, comes again
    // after a 503.
    if (this.#model === 'RefreshToken') return
    const deleted = await answered(this.#store.delete(this.#model, id))
    // The library ends an interaction and then issues its code: whoever did not end it must not go on.
    if (!deleted && this.#model === 'Interaction') throw new errors.SessionNotFound('the interaction is over')
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await answered(this.#store.deleteGrant(grantId))
  }

  /** A registered client lives at least as long as each grant made for it; only unused ones are dropped. */
  async #keepClient(clientId: string, until: number): Promise<void> {
    const client = await answered(this.#store.get('Client', clientId))
    if (client && (client.expiresAt ?? until) < until) {
      await answered(this.#store.put({ ...client, expiresAt: until }, 'update'))
    }
  }

  /** An interaction gets its result by a second write, which must not bring back one that is over. */
  #mode(payload: AdapterPayload): PutMode {
    if (WRITTEN_ONCE.has(this.#model)) return 'insert'
    return this.#model === 'Interaction' && payload.result !== undefined ? 'update' : 'upsert'
  }

  #payload(record: StoredRecord | undefined): AdapterPayload | undefined {
    if (!record) return undefined
    const payload: AdapterPayload = JSON.parse(record.payload)
    if (record.consumedAt !== undefined && !this.#reusable(record.consumedAt)) {
      payload.consumed = Math.floor(record.consumedAt / 1000)
    }
    return payload
  }

  /** Inside the reuse window the library must not see the token as consumed: it would end the family of a client that
   * only lost an answer. `consume` still allows one more use and no third. */
  #reusable(consumedAt: number): boolean {
    return this.#model === 'RefreshToken' && this.#policy.now() - consumedAt < this.#policy.refreshReuse
  }
}

/** Access tokens are JWTs and are not stored: the only one that can be found is the one this request presents. */
class PresentedAccessTokens implements Adapter {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const presented = presentedToken(Provider.ctx)
    return presented?.jti === id ? presented : undefined
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await answered(this.#store.deleteGrant(grantId))
  }

  async upsert(): Promise<void> {}
  async destroy(): Promise<void> {}
  async consume(): Promise<void> {}
  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
}

/** Consulate keeps no sign-in of its own: each authorization is vouched for by the IdP (docs/decisions/0003). */
class NoSessions implements Adapter {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {}
  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async consume(): Promise<void> {}
  async destroy(): Promise<void> {}
  async revokeByGrantId(): Promise<void> {}
}

/** The library looks at the resource only after it spent the code or token, and a mistake must not cost a client that. */
function refuseOtherResource(granted: unknown): void {
  const oidc = Provider.ctx?.oidc
  const asked = oidc?.route === 'token' ? oidc.params?.resource : undefined
  if (asked === undefined || granted === undefined || asked === granted) return
  throw new errors.InvalidTarget('a token is for the one resource that was approved')
}

function indexes(model: string, id: string, payload: AdapterPayload): Partial<StoredRecord> {
  const grantId = model === 'Grant' ? id : model === 'Interaction' ? undefined : payload.grantId
  return {
    ...(grantId ? { grantId } : undefined),
    ...(payload.clientId ? { clientId: payload.clientId } : undefined),
    ...(payload.accountId ? { accountId: payload.accountId } : undefined),
  }
}

/** Turns a store that cannot answer into 503 `temporarily_unavailable` on every endpoint. */
export async function answered<T>(verb: Promise<T>): Promise<T> {
  try {
    return await verb
  } catch (cause) {
    if (!isStoreUnavailable(cause)) throw cause
    const unavailable = new errors.CustomOIDCProviderError('temporarily_unavailable', 'the storage does not answer', {
      cause,
    })
    throw Object.assign(unavailable, { status: 503, statusCode: 503, expose: true, allow_redirect: false })
  }
}
