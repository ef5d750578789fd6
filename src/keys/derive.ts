/** Every key of this server is derived from the one configured secret; `purpose` keeps them apart. */
import { hkdfSync } from 'node:crypto'

/** HKDF with SHA-256 (RFC 5869), without a salt: the secret is random already. */
export function deriveKey(secret: string, purpose: string, bytes = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `consulate/${purpose}`, bytes))
}
