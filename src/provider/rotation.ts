/**
 * How a refresh token is replaced by the next one (RFC 9700 section 4.14.2).
 *
 * Owns the order: the successor is written first, and its predecessor is spent next, by the store's one conditional
 * write. oidc-provider spends first; whatever ends between the two would then cost the client a use of its token and give
 * it nothing. How often a token may be used is left to the store, and what its use too many means to the library.
 */
import { errors, Provider } from 'oidc-provider'
import type { Consumption, Reuse, Store, StoredRecord } from '../store.ts'

export interface Rotation {
  /** Notes that the request being answered spends this token. */
  begin(id: string): void
  /** Writes a refresh token, and spends the one that was noted for this request. Answers whether there was room.
   * @throws {errors.InvalidGrant} when the one that was noted is good no more; nothing is left of the new one then
   * @throws {StoreUnavailable} */
  complete(successor: StoredRecord): Promise<boolean>
}

const KIND = 'RefreshToken'

export function rotation(store: Pick<Store, 'put' | 'consume' | 'delete'>, reuse: Reuse): Rotation {
  const begun = new WeakMap<object, string>()
  const turns = new Map<string, Promise<Consumption>>()

  /** Requests with the same token go one after the other. Refused once is refused for ever, and a store that is away for
   * one is away for all of them: who waits for either takes it as its own answer and does not ask. */
  async function inTurn(id: string, use: () => Promise<Consumption>): Promise<Consumption> {
    for (let earlier = turns.get(id); earlier !== undefined; earlier = turns.get(id)) {
      if ((await earlier) === 'refused') return 'refused'
    }
    const turn = use()
    turns.set(id, turn)
    try {
      return await turn
    } finally {
      turns.delete(id)
    }
  }

  async function replace(id: string, successor: StoredRecord): Promise<Consumption> {
    if (!(await store.put(successor, 'insert'))) throw new Error('a refresh token with this id exists')
    const consumption = await store.consume(KIND, id, reuse)
    // Nobody was told of it, so it may as well stay when the store is away by now.
    if (consumption === 'refused') await store.delete(KIND, successor.id).catch(() => undefined)
    return consumption
  }

  return {
    begin(id) {
      const { ctx } = Provider
      if (!ctx) throw new Error('a refresh token is spent by a request')
      begun.set(ctx, id)
    },
    async complete(successor) {
      const { ctx } = Provider
      const id = ctx && begun.get(ctx)
      if (id === undefined) return store.put(successor, 'insert')
      if ((await inTurn(id, () => replace(id, successor))) !== 'refused') return true
      throw new errors.InvalidGrant('refresh token already used')
    },
  }
}
