/**
 * Reads that a token request will need, begun before the library asks for them one after the other. What is begun in one
 * turn of the event loop costs one way to the database, so a refresh waits for two reads instead of four.
 *
 * An answer is handed out once, to the request that began it; whoever looks again sees the store as it is then.
 */
import { Provider } from 'oidc-provider'
import type { Store, StoredRecord } from '../store.ts'

export interface ReadAhead extends Pick<Store, 'get'> {
  /** Begins a read for the request that is being answered; without one it does nothing. */
  begin(kind: string, id: string): void
}

export function readAhead(store: Pick<Store, 'get'>): ReadAhead {
  const begun = new WeakMap<object, Map<string, Promise<StoredRecord | undefined>>>()
  const keyOf = (kind: string, id: string) => JSON.stringify([kind, id])

  return {
    begin(kind, id) {
      const { ctx } = Provider
      if (!ctx) return
      const reads = begun.get(ctx) ?? new Map()
      begun.set(ctx, reads)
      const read = store.get(kind, id)
      // Whoever asks gets the error. Perhaps nobody does.
      read.catch(() => undefined)
      reads.set(keyOf(kind, id), read)
    },
    get(kind, id) {
      const { ctx } = Provider
      const reads = ctx && begun.get(ctx)
      const key = keyOf(kind, id)
      const read = reads?.get(key)
      reads?.delete(key)
      return read ?? store.get(kind, id)
    },
  }
}
