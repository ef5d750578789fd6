/**
 * Which tokens of an IdP are believed: ID tokens (OpenID Connect Core section 3.1.3.7) and logout tokens (OpenID Connect
 * Back-Channel Logout 1.0 section 2.6). The one place that verifies them; who they name is left to the adapter.
 */
import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose'
import { type Host, LoginRefused, type LogoutNotice } from '../../src/adapter.ts'
import { type Connection, SKEW_SECONDS } from './connection.ts'

/** Claims of a verified ID token, with those of userinfo added where it has none of that name. */
export type IdTokenClaims = JWTPayload & { readonly iss: string; readonly sub: string }

/** The published key that signed a token, with all its members. */
export type SigningKey = Readonly<Record<string, unknown>>

export interface Expected {
  readonly host: Host
  readonly connection: Connection
  readonly clientId: string
  /** The issuer that a token with these claims, not verified yet, must be of. By default the discovered one. */
  readonly issuerOf?: ((claims: JWTPayload, discovered: string) => string) | undefined
}

/** Asymmetric algorithms only: `none` proves nothing, and HS* would make the public key or our secret a signing key. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** An ID token that answers a request is new. Some IdPs date it back by five minutes, Entra among them. */
const MAX_TOKEN_AGE_SECONDS = 15 * 60
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const LOGOUT_TYPES = ['jwt', 'logout+jwt']

/** Verifies an ID token of a token endpoint, and that the access token beside it is the one that it came with. The nonce is
 * that of the sign-in; in the answer to a refresh, where we no longer have it, IdPs send it again or leave it out.
 * @throws {Error} also from jose */
export async function verifyIdToken(
  token: string,
  expected: Expected,
  { nonce, accessToken }: { readonly nonce: string | undefined; readonly accessToken: string },
): Promise<{ readonly claims: IdTokenClaims; readonly signingKey: SigningKey | undefined }> {
  const required = nonce === undefined ? ['sub'] : ['sub', 'nonce']
  const { payload, protectedHeader } = await verify<IdTokenClaims>(token, expected, required)
  // A token of another kind by the same IdP, for us, is well signed too (RFC 8725 section 3.12).
  if (/\+jwt$/.test(typeOf(protectedHeader))) throw new LoginRefused('invalid', 'the token is no ID token (typ)')
  if (payload.events !== undefined) throw new LoginRefused('invalid', 'the token is no ID token (events)')
  if (typeof payload.sub !== 'string' || payload.sub === '') throw new LoginRefused('invalid', 'the token names nobody')
  if (nonce !== undefined && payload.nonce !== nonce) throw new LoginRefused('invalid', 'the nonce is of another login')
  if (
    payload.azp === undefined ? Array.isArray(payload.aud) && payload.aud.length > 1 : payload.azp !== expected.clientId
  ) {
    throw new LoginRefused('invalid', 'the token was given to another client (azp)')
  }
  const { kid, alg } = protectedHeader
  if (payload.at_hash !== undefined && payload.at_hash !== hashOf(accessToken, alg)) {
    throw new LoginRefused('invalid', 'the access token is not the one that the token came with (at_hash)')
  }
  const published = expected.connection.keys.jwks()?.keys ?? []
  // The one that jose verified with: of two keys with one id it takes that of the algorithm, and refuses any more.
  const [key, another] = published.filter((each) => kid && each.kid === kid && (each.alg ?? alg) === alg)
  return { claims: payload, signingKey: key && !another ? { ...key } : undefined }
}

/** Verifies a logout token. Anybody can post one, so what costs nothing is looked at before anything is fetched for it.
 * @throws {Error} also from jose */
export async function verifyLogoutToken(
  token: string,
  expected: Omit<Expected, 'connection'>,
  connect: () => Promise<Connection>,
): Promise<LogoutNotice> {
  const { clientId, issuerOf } = expected
  if (!LOGOUT_TYPES.includes(typeOf(decodeProtectedHeader(token))))
    throw new LoginRefused('invalid', 'the token is not a logout token (typ)')
  const claimed = decodeJwt(token)
  const isForUs = [claimed.aud].flat().includes(clientId)
  if (!isForUs) throw new LoginRefused('invalid', 'the logout token is for another client (aud)')
  const connection = await connect()
  const { issuer, logoutKeys } = connection
  const isOfIdp = claimed.iss === (issuerOf ? issuerOf(claimed, issuer) : issuer)
  if (!isOfIdp) throw new LoginRefused('invalid', 'the logout token is of another issuer (iss)')
  const believed = { ...expected, connection: { ...connection, keys: logoutKeys } }
  const { payload } = await verify<JWTPayload>(token, believed, ['jti', 'events'])
  if (!isObject(payload.events) || !isObject(payload.events[LOGOUT_EVENT])) {
    throw new LoginRefused('invalid', 'the token tells of no logout (events)')
  }
  // An ID token has one; a logout token that had one could be passed off as an ID token.
  if (payload.nonce !== undefined) throw new LoginRefused('invalid', 'a logout token has no nonce')
  const { sub, sid, jti } = payload
  const session = typeof sid === 'string' && sid !== '' ? sid : undefined
  const subject = typeof sub === 'string' && sub !== '' ? sub : undefined
  if (!subject && !session) throw new LoginRefused('invalid', 'the logout token names nobody')
  if (typeof jti !== 'string' || jti === '') throw new LoginRefused('invalid', 'the logout token has no jti')
  return { id: jti, ...(subject && { subject }), ...(session && { session }) }
}

/** For a token fetched by itself, openid-client would compare the claims and leave the signature to TLS. We do not. */
function verify<Payload extends JWTPayload>(
  token: string,
  { host, connection, clientId, issuerOf }: Expected,
  requiredClaims: string[],
): Promise<JWTVerifyResult<Payload>> {
  const { issuer, keys, metadata } = connection
  const offered = metadata.id_token_signing_alg_values_supported ?? ALGORITHMS
  return jwtVerify<Payload>(token, keys, {
    algorithms: ALGORITHMS.filter((name) => offered.includes(name)),
    issuer: issuerOf ? issuerOf(decodeJwt(token), issuer) : issuer,
    audience: clientId,
    clockTolerance: SKEW_SECONDS,
    currentDate: host.now(),
    maxTokenAge: MAX_TOKEN_AGE_SECONDS,
    requiredClaims: ['iss', 'aud', 'exp', 'iat', ...requiredClaims],
  })
}

/** OpenID Connect Core section 3.1.3.6: half of the hash that the signature is made with, which for EdDSA is SHA-512. */
function hashOf(accessToken: string, alg: string): string {
  const bits = /(?:256|384)$/.exec(alg)?.[0] ?? '512'
  const hash = createHash(`sha${bits}`).update(accessToken).digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}

/** In lower case and without the prefix that may be left out (RFC 7515 section 4.1.9). */
function typeOf({ typ = 'JWT' }: { readonly typ?: unknown }): string {
  return String(typ)
    .toLowerCase()
    .replace(/^application\//, '')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
