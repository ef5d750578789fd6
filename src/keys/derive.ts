/** Every key of this server is derived from the one configured secret; `purpose` keeps them apart. */
import { hkdfSync } from 'node:crypto'

/** HKDF with SHA-256 (RFC 5869), without a salt: the secret is random already. */
export function deriveKey(secret: string, purpose: string, bytes = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `consulate/${purpose}`, bytes))
}

/** One key for each secret, the one to make new things with first. The others still recognise what they made. */
export type DerivedKeys = () => readonly [Buffer, ...Buffer[]]

/** @param secrets the secrets of this moment, at least one; they may change while the server runs */
export function deriveKeys(secrets: () => readonly string[], purpose: string): DerivedKeys {
  const known = new Map<string, Buffer>()
  const derive = (secret: string) => {
    const key = known.get(secret) ?? deriveKey(secret, purpose)
    known.set(secret, key)
    return key
  }
  return () => {
    const [first = '', ...others] = secrets()
    return [derive(first), ...others.map(derive)]
  }
}
