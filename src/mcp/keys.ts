/**
 * Finds the issuer's verification keys: `jwks_uri` from its metadata (RFC 8414), then the key set, both only when the
 * first token arrives. A resource can therefore start before its issuer.
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import { requireSecureUrl } from './metadata.ts'

const TIMEOUT_MS = 5_000
/** The longest a withdrawn key is still trusted. */
const CACHE_MS = 600_000
/** The shortest time between two fetches that tokens with unknown key ids can cause. */
const COOLDOWN_MS = 30_000

const issuerMetadata = z.object({ issuer: z.string(), jwks_uri: z.string() })

/** The keys could not be obtained. This says nothing about the token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

/** @param jwks keys held in this process, instead of the published ones */
export function keySource(issuer: string, jwks?: JSONWebKeySet | JWTVerifyGetKey): JWTVerifyGetKey {
  const find = typeof jwks === 'function' ? jwks : jwks ? createLocalJWKSet(jwks) : published(issuer)
  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error
      throw new KeysUnavailable('the keys of the issuer are not available', { cause: error })
    }
  }
}

function published(issuer: string): JWTVerifyGetKey {
  let pending: Promise<JWTVerifyGetKey> | undefined
  return async (header, token) => {
    // One discovery for all requests that wait; forgotten when it fails, so that the next request tries again.
    pending ??= discover(issuer).catch((error: unknown) => {
      pending = undefined
      throw error
    })
    return (await pending)(header, token)
  }
}

async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const { origin, pathname } = new URL(issuer)
  const response = await fetch(`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.status !== 200) throw new Error(`the metadata of ${issuer} answers with status ${response.status}`)
  const metadata = issuerMetadata.parse(await response.json())
  // RFC 8414 section 3.3: metadata that names another issuer must not be used.
  if (metadata.issuer !== issuer) throw new Error(`the metadata of ${issuer} names the issuer ${metadata.issuer}`)
  return createRemoteJWKSet(requireSecureUrl(metadata.jwks_uri, 'jwks_uri'), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: CACHE_MS,
  })
}
