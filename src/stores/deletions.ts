/**
 * Deletions of grants. One revocation has the library ask for one several times, and a code or token that many present at
 * once is revoked for each of them: here they share a deletion. In each process one of a grant is under way, and one waits.
 *
 * The grant itself goes first, and by its id, also when somebody took it out of its index. Nothing is issued, refreshed or
 * active without it, so it is over then: what ends a deletion halfway leaves records that are worth nothing.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { isStoreUnavailable, type Store } from '../store.ts'

/** Milliseconds that a deletion waits for the one before it, which may hang at a connection that is dead. Two side by side
 * do no harm. */
const TURN_MS = 500

/**
 * Deletes a grant with all that carries its id. Whoever asks while that is being done waits for the next deletion: what was
 * written after the first one began is deleted too. Fails only when the grant itself may still be there.
 *
 * @param underWay by grant id; empty when there is none
 */
export function sharedDeletions(
  store: Pick<Store, 'delete' | 'deleteGrant'>,
  underWay = new Map<string, Promise<void>>(),
): Store['deleteGrant'] {
  const next = new Map<string, Promise<void>>()

  async function once(grantId: string): Promise<void> {
    await store.delete('Grant', grantId)
    // It is over by now. To say otherwise would have its end looked for again by those who find none, and what stays expires.
    await store.deleteGrant(grantId).catch((error: unknown) => {
      if (!isStoreUnavailable(error)) throw error
    })
  }

  async function begin(grantId: string): Promise<void> {
    // Others ask in this same turn. Whether an earlier one was done is for those who waited for that.
    const earlier = underWay.get(grantId)?.catch(() => undefined)
    await (earlier ? Promise.race([earlier, sleep(TURN_MS, undefined, { ref: false })]) : turn())
    next.delete(grantId)
    const deletion = once(grantId)
    underWay.set(grantId, deletion)
    try {
      await deletion
    } finally {
      if (underWay.get(grantId) === deletion) underWay.delete(grantId)
    }
  }

  return (grantId) => {
    const waiting = next.get(grantId) ?? begin(grantId)
    next.set(grantId, waiting)
    return waiting
  }
}
