/** One question to an adapter about a user, with an end to the waiting and a name for everything that can come of it. */
import { type Identity, type IdpAdapter, isLoginRefused, type Refusal } from '../adapter.ts'
import { isUpstreamSecret, provenIdentity } from './identity.ts'
import type { Standing } from './secrets.ts'

export type Answer =
  | { readonly identity: Identity }
  | {
      readonly result: Refusal | 'timeout'
      /** For the operator. */
      readonly cause: unknown
      /** What to ask with from now on, when it was renewed all the same. */
      readonly secret?: string
    }

/** Milliseconds. Less than `host.fetch` has: an answer that comes between the two is not lost. */
const LIMIT_MS = 3500

/**
 * Asks within three and a half seconds. Never throws: an adapter that breaks, and an IdP that is gone from the
 * configuration, cannot tell us that access has ended.
 * @param late told of the answer when it comes after all
 */
export async function consult(
  adapter: IdpAdapter | undefined,
  standing: Standing,
  late: (answer: Answer) => void,
): Promise<Answer> {
  const asked = ask(adapter, standing)
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => {
      resolve({ result: 'timeout', cause: new Error(`the adapter took longer than ${LIMIT_MS} ms`) })
      void asked.then(late)
    }, LIMIT_MS)
  })
  const answer = await Promise.race([asked, timeout])
  clearTimeout(timer)
  return answer
}

async function ask(adapter: IdpAdapter | undefined, standing: Standing): Promise<Answer> {
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
    const refusal = isLoginRefused(cause) ? cause : undefined
    renewed = refusal?.secret ?? renewed
    return {
      result: refusal?.reason ?? 'invalid',
      cause,
      ...(isUpstreamSecret(renewed) ? { secret: renewed } : undefined),
    }
  }
}
