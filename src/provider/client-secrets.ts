/** Secrets of registered clients: kept as hashes, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { AdapterPayload } from 'oidc-provider'

/** Client secrets are random 256-bit values, so one round of SHA-256 is enough to make a copy of the store useless. */
export function hashSecret(secret: string): string {
  return `sha256:${createHash('sha256').update(secret).digest('base64url')}`
}

export function secretMatches(hash: string | undefined, presented: string): boolean {
  const expected = Buffer.from(hash ?? '')
  const actual = Buffer.from(hashSecret(presented))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

export function withHashedSecret(payload: AdapterPayload): AdapterPayload {
  const secret = payload.client_secret
  return typeof secret === 'string' ? { ...payload, client_secret: hashSecret(secret) } : payload
}
