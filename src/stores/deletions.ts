/**
 * Deletions of grants. One revocation has the library ask for one several times, and a code or token that many present at
 * once is revoked for each of them: here they share a deletion. In each process one of a grant is under way, and one waits.
 *
 * The grant itself goes first, and by its id. Nothing is issued or refreshed without it, so whatever ends a deletion
 * halfway, and whoever took the grant out of its index, the rest of it is worth nothing.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Store } from '../store.ts'

/** Milliseconds that a deletion waits for the one before it, which may hang at a connection that is dead. Two side by side
 * do no harm. */
const TURN_MS = 500

/**
 * Deletes a grant with all that carries its id. Whoever asks while that is being done waits for the next deletion: what was
 * written after the first one began is deleted too.
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
    await store.deleteGrant(grantId)
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
