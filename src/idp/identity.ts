/**
 * What an adapter may say about a user. Adapters are trusted, but they hand on what an IdP sent: without a subject of its
 * own, every user would be one account, and an endless list would end up in every token. Whatever only describes the user
 * is cut or left out where it is unfit, since nobody may be shut out, or keep groups that they lost, for the sake of a name.
 */
import { z } from 'zod'
import { type Identity, LoginRefused } from '../adapter.ts'
import { readable } from '../errors.ts'

const MAX_NAME = 256

/** Without half a surrogate pair, which JSON carries and UTF-8 cannot. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !/\p{Cs}/u.test(value), 'holds half a character')

const secret = z.string().max(16_384)

/** For people to read: a part of one says as much. */
const name = z.preprocess(inOneLine, z.string().optional())

/** For programs to compare: a part of one would be another one. */
const address = z
  .string()
  .min(1)
  .max(320)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
  .optional()
  .catch(undefined)

const identity = z.object({
  subject: text(512),
  claims: z.object({
    name,
    email: address,
    emailVerified: z.boolean().optional().catch(undefined),
    username: address,
    groups: z.array(text(256)).max(10_000).optional(),
  }),
  secret: secret.optional(),
  session: text(256).optional(),
})

/** @throws {LoginRefused} `invalid` when the identity cannot be used */
export function provenIdentity(claimed: unknown): Identity {
  const result = readable(() => identity.safeParse(claimed))
  if (result?.success) return withoutAbsent(result.data)
  if (!result) throw new LoginRefused('invalid', 'the adapter named a user that cannot be read')
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

/** In one line, without what no page shows, and at most as long as a page has room for. */
function inOneLine(claimed: unknown): string | undefined {
  if (typeof claimed !== 'string') return undefined
  const line = claimed
    .slice(0, 4 * MAX_NAME)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\p{Cs}/gu, '')
    .trim()
  // Not through the middle of a character.
  return line.slice(0, MAX_NAME).replace(/\p{Cs}$/u, '') || undefined
}

/** As adapters write it: what is not known is absent. */
function withoutAbsent({ claims, ...rest }: z.output<typeof identity>): Identity {
  // Verified is an address, and nothing without it.
  const { email, emailVerified } = claims
  const told = { ...claims, emailVerified: email === undefined ? undefined : emailVerified }
  const known = Object.entries(told).filter(([, value]) => value !== undefined)
  return { ...rest, claims: Object.fromEntries(known) } as Identity
}
