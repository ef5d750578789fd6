/**
 * The signing keys: made once, kept as sealed records, and the same for all processes on one store. What is signed with
 * which key belongs to `provider/`.
 */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Store } from '../store.ts'

export interface Keyring {
  /** Private keys, the preferred one first. Each has `kid` (its RFC 7638 thumbprint), `alg` and `use`. */
  readonly jwks: { readonly keys: JWK[] }
  /** The same keys as the world may see them (RFC 7517). */
  readonly publicJwks: { readonly keys: JWK[] }
}

const KIND = 'SigningKey'
/** ES256 signs; RS256 serves clients that ask for it. */
const ALGORITHMS = ['ES256', 'RS256'] as const

/** The members of a private key that are public (RFC 7518 section 6), and those that describe it. */
const PUBLIC = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'] as const

/** Opens the keys of a store, and makes those it lacks. @throws {StoreUnavailable} */
export async function openKeyring(store: Store): Promise<Keyring> {
  const keys: JWK[] = []
  for (const alg of ALGORITHMS) keys.push(await signingKey(store, alg))
  return { jwks: { keys }, publicJwks: { keys: keys.map(publicPart) } }
}

async function signingKey(store: Store, alg: string): Promise<JWK> {
  const found = await store.get(KIND, alg)
  if (found) return JSON.parse(found.payload) as JWK
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  const key: JWK = { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' }
  // Of several processes that start at once one inserts, and the others come back for its key.
  return (await store.put({ kind: KIND, id: alg, payload: JSON.stringify(key) }, 'insert'))
    ? key
    : signingKey(store, alg)
}

function publicPart(key: JWK): JWK {
  return Object.fromEntries(PUBLIC.filter((name) => key[name] !== undefined).map((name) => [name, key[name]])) as JWK
}
