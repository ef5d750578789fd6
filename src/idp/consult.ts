/** One question to an adapter about a user, with an end to the waiting and a name for everything that can come of it. */

import type { Identity, IdpAdapter, Refusal } from '../adapter.ts'
import { readable } from '../errors.ts'
import { isUpstreamSecret, provenIdentity } from './identity.ts'
import { reasonOf, refusalOf } from './refusals.ts'
import type { Standing } from './secrets.ts'
import { type Heard, openWatch, type Watch } from './watch.ts'

export type Answer =
  | { readonly identity: Identity }
  | {
      readonly result: Refusal | 'timeout'
      /** For the operator. */
      readonly cause: unknown
      /** What to ask with from now on, when it was renewed all the same. */
      readonly secret?: string
      /** What this tells of the IdP itself, for others who would ask. */
      readonly heard: Heard
    }

/** Milliseconds. Less than `host.fetch` has: an answer that comes between the two is not lost. */
export const LIMIT_MS = 3500

/**
 * Asks within three and a half seconds. Never throws: an adapter that breaks, and an IdP that is gone from the
 * configuration, cannot tell us that access has ended.
 * @param late told of the answer when it comes after all
 * @param limit milliseconds, for whoever has less
 */
export async function consult(
  adapter: IdpAdapter | undefined,
  standing: Standing,
  late: (answer: Answer) => void,
  limit = LIMIT_MS,
): Promise<Answer> {
  const watch = openWatch()
  const asked = watch.run(() => ask(adapter, standing, watch))
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => {
      const cause = new Error(`the adapter took longer than ${limit} ms`)
      resolve({ result: 'timeout', cause, heard: limit < LIMIT_MS ? 'nothing' : heardInVain(watch) })
      void asked.then(late)
    }, limit)
  })
  const answer = await Promise.race([asked, timeout])
  clearTimeout(timer)
  return answer
}

/** An adapter that reaches its IdP by other ways than ours is slow because that is; one that had all its answers waits for
 * something of its own. */
function heardInVain(watch: Watch): Heard {
  return watch.heard() === 'answered' ? 'nothing' : 'silent'
}

async function ask(adapter: IdpAdapter | undefined, standing: Standing, watch: Watch): Promise<Answer> {
  const { subject, claims, secret, session } = standing
  const identity: Identity = {
    subject,
    claims,
    ...(secret === undefined ? undefined : { secret }),
    ...(session === undefined ? undefined : { session }),
  }
  let renewed: unknown
  try {
    if (!adapter?.refresh) throw new Error('no adapter is configured that could ask about this user')
    const claimed: Partial<Identity> | undefined = await adapter.refresh(identity)
    // What is wrong with the rest of an answer must not cost its secret.
    if (claimed?.subject === subject) renewed = claimed.secret
    const now = provenIdentity(claimed)
    if (now.subject !== subject) throw new Error('the adapter named another user than it was asked about')
    return { identity: now }
  } catch (cause) {
    const refusal = refusalOf(cause)
    renewed = readable(() => refusal?.secret) ?? renewed
    const result = refusal ? reasonOf(refusal) : 'invalid'
    return {
      result,
      cause,
      heard: result === 'unavailable' || result === 'invalid' ? watch.heard() : 'answered',
      ...(isUpstreamSecret(renewed) ? { secret: renewed } : undefined),
    }
  }
}
