/**
 * Leaves an IdP alone that does not answer. One slow IdP would else make each of its users wait for the whole time
 * limit, one after the other. Counted in this process: it saves time and decides nothing. What counts as a silence of the
 * IdP, and not of what it says about one user, is `watch.ts`.
 */

/** Silences in a row, of any users, after which the others are not made to wait. */
const SILENCES = 3
/** Milliseconds until one of them tries again. */
const PAUSE_MS = 30_000

export interface Pauses {
  /** Whether to ask now. After a pause one caller is told so, and the others once that one had an answer. */
  mayAsk(idp: string): boolean
  answered(idp: string): void
  silent(idp: string): void
}

export function openPauses(now: () => number): Pauses {
  const silences = new Map<string, { count: number; until: number }>()
  return {
    mayAsk(idp) {
      const state = silences.get(idp)
      if (!state || state.count < SILENCES) return true
      if (now() < state.until) return false
      state.until = now() + PAUSE_MS
      return true
    },
    answered(idp) {
      silences.delete(idp)
    },
    silent(idp) {
      const count = (silences.get(idp)?.count ?? 0) + 1
      silences.set(idp, { count, until: now() + PAUSE_MS })
    },
  }
}
