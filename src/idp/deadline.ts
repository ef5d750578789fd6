/** An end to the waiting for an adapter, whatever number of requests to its IdP it makes one after the other. */
import { LoginRefused } from '../adapter.ts'

/** Milliseconds for one step of a sign-in or a logout, so that a page is there within five seconds. More than a single
 * request of `host.fetch` has: whichever of them gets no answer can still say so. */
export const STEP_MS = 4500

/** @throws {LoginRefused} `unavailable` when the work takes longer; what comes of it later is dropped */
export async function withinDeadline<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    const refused = () => reject(new LoginRefused('unavailable', `the adapter took longer than ${STEP_MS} ms`))
    timer = setTimeout(refused, STEP_MS)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}
