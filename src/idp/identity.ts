/**
 * What an adapter may say about a user. Adapters are trusted, but they hand on what an IdP sent: without a subject of its
 * own, every user would be one account, and an endless list would end up in every token.
 */
import { z } from 'zod'
import { type Identity, LoginRefused } from '../adapter.ts'

/** Without half a surrogate pair, which JSON carries and UTF-8 cannot. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !/\p{Cs}/u.test(value), 'holds half a character')

const secret = z.string().max(16_384)

const identity = z.object({
  subject: text(512),
  claims: z.object({
    name: text(256).optional(),
    email: text(320).optional(),
    emailVerified: z.boolean().optional(),
    username: text(320).optional(),
    groups: z.array(text(256)).max(10_000).optional(),
  }),
  secret: secret.optional(),
  session: text(256).optional(),
})

/** @throws {LoginRefused} `invalid` when the identity cannot be used */
export function provenIdentity(claimed: unknown): Identity {
  const result = identity.safeParse(claimed)
  if (result.success) return result.data as Identity
  const [issue] = result.error.issues
  throw new LoginRefused(
    'invalid',
    `the adapter named a user that cannot be: ${issue?.path.join('.')} ${issue?.message}`,
  )
}

/** Whether this can be kept as the `secret` of an identity. */
export function isUpstreamSecret(claimed: unknown): claimed is string {
  return secret.safeParse(claimed).success
}
