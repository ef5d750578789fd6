/**
 * Deletions of grants. One revocation has the library ask for one several times, and a code or token that many present at
 * once is revoked for each of them; to the store that is two deletions at most, however many ask.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Store } from '../store.ts'

/** Whoever asks while a grant is being deleted waits for the next deletion of it, which is for all who wait: what was
 * written after the first one began is deleted too. */
export function sharedDeletions<S extends Store>(store: S): S {
  const running = new Map<string, Promise<void>>()
  const next = new Map<string, Promise<void>>()

  async function begin(grantId: string): Promise<void> {
    // Others ask in this same turn. Whether an earlier one was done is for those who waited for that.
    await (running.get(grantId)?.catch(() => undefined) ?? turn())
    next.delete(grantId)
    const deletion = store.deleteGrant(grantId)
    running.set(grantId, deletion)
    try {
      await deletion
    } finally {
      if (running.get(grantId) === deletion) running.delete(grantId)
    }
  }

  return {
    ...store,
    deleteGrant(grantId) {
      const waiting = next.get(grantId) ?? begin(grantId)
      next.set(grantId, waiting)
      return waiting
    },
  }
}
