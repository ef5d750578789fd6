/**
 * Leaves an IdP alone that does not answer, and asks none about all of its users at once. One slow IdP would else make each
 * of its users wait for the whole time limit, and be asked about all of them before the first silence. Counted in this
 * process: it saves time and decides nothing. What counts as a silence of the IdP, and not of what it says about one user,
 * is `watch.ts`.
 */

/** Silences in a row, of any users, after which the others are not made to wait. */
const SILENCES = 3
/** Milliseconds until one of them tries again. */
const PAUSE_MS = 30_000
/** Questions at once. */
const AT_ONCE = 50

export interface Pauses {
  /** Whether to ask now: answers what is to be called once that is done, or nothing. After a pause one caller may, and the
   * others once that one had an answer.
   * @param canWait whether the user goes on without an answer; who does not is asked about, however many there are */
  begin(idp: string, canWait: boolean): (() => void) | undefined
  answered(idp: string): void
  silent(idp: string): void
}

export function openPauses(now: () => number): Pauses {
  const silences = new Map<string, { count: number; until: number }>()
  const asking = new Map<string, number>()

  function isPaused(idp: string): boolean {
    const state = silences.get(idp)
    if (!state || state.count < SILENCES) return false
    const left = state.until - now()
    // What is longer than a pause was written before the clock was set back.
    if (left > 0 && left <= PAUSE_MS) return true
    state.until = now() + PAUSE_MS
    return false
  }
  const add = (idp: string, by: number) => asking.set(idp, (asking.get(idp) ?? 0) + by)

  return {
    begin(idp, canWait) {
      if ((canWait && (asking.get(idp) ?? 0) >= AT_ONCE) || isPaused(idp)) return undefined
      add(idp, 1)
      return () => void add(idp, -1)
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
