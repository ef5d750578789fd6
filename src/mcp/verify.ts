/** The rules of RFC 9068 section 4 for one access token. Which answer a broken rule leads to is decided in `index.ts`. */
import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { z } from 'zod'
import { canonicalResource } from '../url.ts'

/** Symmetric algorithms and `none` are absent: our public key must never serve as a shared secret. */
const ALGORITHMS = ['ES256', 'RS256']
/** Seconds by which the clocks of issuer and resource may differ. */
const CLOCK_TOLERANCE = 30

const claimsSchema = z.looseObject({
  sub: z.string().min(1),
  client_id: z.string().min(1),
  exp: z.number(),
  aud: z.union([z.string(), z.array(z.string())]),
  scope: z.string().default(''),
  groups: z.array(z.string()).optional(),
  name: z.string().optional(),
  email: z.string().optional(),
  username: z.string().optional(),
})

/** The claims of a verified access token. */
export type AccessClaims = z.output<typeof claimsSchema>

/** What is known about the caller. Compatible with the `AuthInfo` of the MCP SDK. */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  /** Seconds since the epoch. */
  expiresAt: number
  resource: URL
  resourceMetadataUrl: string
  /** The claims of the token: `sub`, and `groups`, `name`, `email`, `username` where the issuer sends them. */
  extra: AccessClaims
}

/** A rule that the token breaks. The message is for the client's `error_description` and holds nothing of the token. */
export class TokenRejected extends Error {
  override readonly name = 'TokenRejected'
}

export interface Expectation {
  readonly issuer: string
  readonly resource: string
  readonly keys: JWTVerifyGetKey
}

/**
 * Verifies signature, type, issuer, audience and times of a JWT access token.
 * @throws {TokenRejected} when it is not valid here; any other error says that it could not be judged
 */
export async function verifyAccessToken(token: string, { issuer, resource, keys }: Expectation): Promise<AccessClaims> {
  const payload = await jwtVerify(token, keys, {
    typ: 'at+jwt',
    algorithms: ALGORITHMS,
    issuer,
    requiredClaims: ['exp', 'iat', 'aud', 'sub', 'client_id', 'jti'],
    clockTolerance: CLOCK_TOLERANCE,
  }).then(
    (verified) => verified.payload,
    (error: unknown) => {
      if (error instanceof errors.JOSEError) throw new TokenRejected(describe(error), { cause: error })
      throw error
    },
  )
  const claims = claimsSchema.safeParse(payload)
  if (!claims.success) throw new TokenRejected('The token has malformed claims.', { cause: claims.error })
  // Exactly one audience: a token for several servers could be replayed by one of them at the others.
  const [audience, ...others] = [claims.data.aud].flat()
  if (audience === undefined || others.length > 0 || canonicalResource(audience) !== canonicalResource(resource)) {
    throw new TokenRejected('The token was not issued for this server.')
  }
  // A token bound to a key (RFC 7800) is worth nothing without proof of the key, and Bearer carries none.
  if (payload.cnf !== undefined) throw new TokenRejected('The token is bound to a key and cannot be used as Bearer.')
  return claims.data
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  if (error instanceof errors.JWTClaimValidationFailed) return `The token fails the check of its ${error.claim}.`
  return 'The token is not valid.'
}
