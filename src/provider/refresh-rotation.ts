/**
 * How a refresh token is replaced by the next one (RFC 9700 section 4.14.2).
 *
 * Owns the order: the successor is written first, and its predecessor is spent next, by the store's one conditional
 * write. oidc-provider spends first; whatever ends between the two would then cost the client a use of its token and give
 * it nothing. How often a token may be used is left to the store, and what its use too many means to the library.
 */
import { errors, Provider } from 'oidc-provider'
import {
  type Consumption,
  isStoreUnavailable,
  type Reuse,
  type Store,
  type StoredRecord,
  StoreUnavailable,
} from '../store.ts'

/** How long the request being answered may wait for the store in all. */
export interface Patience {
  /** Waits for what the store does for another request, as for the store itself. @throws {StoreUnavailable} in time */
  wait<T>(work: () => Promise<T>): Promise<T>
  /** Milliseconds that are left of it. */
  left(): number
}

export interface Rotation {
  /** Looks at a token before anything is written for it. @throws {errors.InvalidGrant} when no use of it is left, and its
   * window is still open; what its use after the window means is not decided here */
  look(record: StoredRecord | undefined): void
  /** Notes that the request being answered spends this token. */
  begin(id: string): void
  /** Writes a refresh token, and spends the one that was noted for this request. Answers whether its id was free.
   * @throws {errors.InvalidGrant} when the one that was noted is good no more
   * @throws {StoreUnavailable} */
  complete(successor: StoredRecord): Promise<boolean>
}

export interface RotationParts {
  readonly store: Pick<Store, 'put' | 'consume' | 'delete'>
  readonly patience: Patience
  readonly reuse: Reuse
  readonly now: () => number
}

const KIND = 'RefreshToken'

/** Milliseconds that a request must have left when it spends a token: one whose client does not learn of it is lost. */
const TO_SPEND = 500

/** `taken`: the id of the successor. `late`: nothing was spent, since there is hardly any time to say so. */
type Outcome = Consumption | 'taken' | 'late'

export function refreshRotation({ store, patience, reuse, now }: RotationParts): Rotation {
  const begun = new WeakMap<object, string>()
  const turns = new Map<string, Promise<Outcome>>()

  /** Requests with one token go one after the other. Refused once is refused for ever, and a store that is away for one is
   * away for all of them: who waits for either takes it as its own answer and asks nothing. */
  async function use(id: string, successor: StoredRecord): Promise<Outcome> {
    // Whoever finds no turn under way begins one at once, before anybody else can look.
    for (let earlier = turns.get(id); earlier !== undefined; earlier = turns.get(id)) {
      if ((await outcomeOf(earlier)) === 'refused') return 'refused'
    }
    const turn = replace(id, successor)
    turns.set(id, turn)
    let outcome: Outcome
    try {
      outcome = await turn
    } finally {
      turns.delete(id)
    }
    // Nobody was told of it, so it may as well stay when the store is away by now.
    if (outcome === 'refused') await store.delete(KIND, successor.id).catch(() => undefined)
    return outcome
  }

  /** Undefined when the turn of another request ended with something about that request alone. */
  function outcomeOf(turn: Promise<Outcome>): Promise<Outcome | undefined> {
    return patience
      .wait(() => turn)
      .catch((error: unknown) => {
        if (isStoreUnavailable(error)) throw error
        return undefined
      })
  }

  async function replace(id: string, successor: StoredRecord): Promise<Outcome> {
    const isLate = () => patience.left() < TO_SPEND
    if (isLate()) return 'late'
    if (!(await store.put(successor, 'insert'))) return 'taken'
    if (isLate()) return 'late'
    return store.consume(KIND, id, reuse)
  }

  return {
    look(record) {
      if (record?.consumedAt === undefined || (record.reused ?? 0) < reuse.times) return
      if (now() - record.consumedAt < reuse.within) throw usedUp()
    },
    begin(id) {
      const { ctx } = Provider
      if (!ctx) throw new Error('a refresh token is spent by a request')
      begun.set(ctx, id)
    },
    async complete(successor) {
      const { ctx } = Provider
      const id = ctx && begun.get(ctx)
      if (id === undefined) return store.put(successor, 'insert')
      const outcome = await use(id, successor)
      if (outcome === 'refused') throw usedUp()
      if (outcome === 'late') throw new StoreUnavailable('The store is too slow to spend a refresh token.')
      return outcome !== 'taken'
    },
  }
}

const usedUp = () => new errors.InvalidGrant('refresh token already used')
