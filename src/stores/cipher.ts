/** Keyed hashes for what is looked up, and authenticated encryption for what is only read back. */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { deriveKey } from '../keys/derive.ts'

/** A sealed text that cannot be opened: sealed with another secret, changed, or moved to another place. It is a fault
 * to report, never the same as an absent record. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken'
}

export interface Cipher {
  /** Names the secret without telling anything about it. */
  readonly keyId: string
  /** AES-256-GCM. The text opens only with the same context, which says where it belongs. */
  seal(context: readonly string[], plain: string): string
  /** @throws {SealBroken} */
  open(context: readonly string[], sealed: string): string
}

/** HMAC-SHA-256 of a value; equal values of different domains have unrelated hashes. */
export type Hash = (domain: readonly string[], value: string) => string

const VERSION = '1'
const IV_BYTES = 12
const TAG_BYTES = 16

/** A sealed text is `version.key id.base64url(iv, ciphertext, tag)`. */
export function createCipher(secret: string): Cipher {
  const root = createSecretKey(deriveKey(secret, 'store/seal'))
  const keyId = deriveKey(secret, 'store/key-id', 6).toString('base64url')
  const header = `${VERSION}.${keyId}.`

  // Each place has a key of its own, so the number of texts that one AES-GCM key may seal with random nonces stays out
  // of reach. JSON frames the parts without ambiguity and keeps lone surrogates apart.
  const place = (context: readonly string[]) => {
    const aad = Buffer.from(header + JSON.stringify(context))
    return { aad, key: createHmac('sha256', root).update(aad).digest() }
  }

  return {
    keyId,

    seal(context, plain) {
      const { aad, key } = place(context)
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(aad)
      const body = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return header + body.toString('base64url')
    },

    open(context, sealed) {
      if (!sealed.startsWith(header)) throw new SealBroken('The text was sealed with another secret, or is not sealed.')
      const { aad, key } = place(context)
      const body = Buffer.from(sealed.slice(header.length), 'base64url')
      try {
        const iv = body.subarray(0, IV_BYTES)
        const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
        decipher.setAAD(aad)
        decipher.setAuthTag(body.subarray(-TAG_BYTES))
        const plain = decipher.update(body.subarray(IV_BYTES, -TAG_BYTES))
        return Buffer.concat([plain, decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new SealBroken('The sealed text was changed or moved.', { cause })
      }
    },
  }
}

/** The id of the key that a text was sealed with, or undefined when the text is not sealed. */
export function keyIdOf(sealed: string): string | undefined {
  const [version, keyId, body] = sealed.split('.', 3)
  return version === VERSION && body !== undefined ? keyId : undefined
}

/** @param pepper 32 bytes; see `ring.ts` */
export function createHash(pepper: Buffer): Hash {
  const key = createSecretKey(pepper)
  return (domain, value) =>
    createHmac('sha256', key)
      .update(JSON.stringify([...domain, value]))
      .digest('base64url')
}
