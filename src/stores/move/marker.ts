/**
 * The record that says of a store that it was filled from an export, and whether to its end. A store that is half filled
 * must not be served, and one that is complete must not be filled again: that would bring back what was spent or revoked.
 */
import type { StoredRow, StoreEngine } from '../../store.ts'
import { type Cipher, keyIdOf } from '../cipher.ts'
import type { Ring } from '../ring.ts'

export const MARKER = { kind: 'Import', id: 'last' } as const
/** Like any record, so that a rotation of the secret seals it anew. */
const CONTEXT = ['record', MARKER.kind, MARKER.id]

export interface Marker {
  /** Which export; see `file.ts`. */
  readonly export: string
  readonly complete: boolean
}

export function markerRow(cipher: Pick<Cipher, 'seal'>, marker: Marker): StoredRow {
  return { ...MARKER, payload: cipher.seal(CONTEXT, JSON.stringify(marker)) }
}

/** @throws {SealBroken} */
export async function readMarker(engine: StoreEngine, opener: Pick<Ring, 'open'>): Promise<Marker | undefined> {
  const row = await engine.get(MARKER.kind, MARKER.id)
  return row && (JSON.parse(opener.open(CONTEXT, row.payload)) as Marker)
}

/** @throws {Error} when somebody else changed the marker meanwhile */
export async function completeMarker(engine: StoreEngine, cipher: Cipher, marker: Marker): Promise<void> {
  const row = await engine.get(MARKER.kind, MARKER.id)
  const { payload } = markerRow(cipher, { ...marker, complete: true })
  if (row && (await engine.swap(MARKER.kind, MARKER.id, row.payload, payload))) return
  throw new Error('The store was changed by somebody else during the import; import into an empty one.')
}

/** Looked at before a store is served. @throws {Error} one sentence when an import into it was cut short */
export async function refuseHalfImported(engine: StoreEngine, ring: Ring): Promise<void> {
  const marker = await readMarker(engine, ring)
  if (!marker || marker.complete) return
  throw new Error(
    'The import into this store was cut short; run "consulate store import" with the same file to its end.',
  )
}

/** The cipher that a text was sealed with, among those of the configuration. */
export function cipherOf(ciphers: readonly Cipher[], sealed: string): Cipher | undefined {
  const keyId = keyIdOf(sealed)
  return ciphers.find((cipher) => cipher.keyId === keyId)
}
