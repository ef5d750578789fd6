/** Fills a store from a file of `export.ts`. Rows stay as they were: sealed, spent, expired. */
import type { StoreEngine } from '../../store.ts'
import { type Cipher, createCipher, SealBroken } from '../cipher.ts'
import { Ring, type Secrets } from '../ring.ts'
import type { MoveProgress } from './export.ts'
import { type Contents, type Opener, readExport } from './file.ts'
import { cipherOf, completeMarker, type Marker, markerRow, readMarker } from './marker.ts'

export interface Imported {
  /** In the file. */
  readonly records: number
  /** Written by this run; the others were there. */
  readonly written: number
}

/**
 * Reads the whole file once before anything is written. A run that was cut short is repeated, and leaves alone what is
 * there.
 * @throws {Error} one sentence when the file is damaged or of another secret, or the store is not empty
 * @throws {StoreUnavailable}
 */
export async function importStore(
  engine: StoreEngine,
  { secret, previousSecrets = [] }: Secrets,
  { file, issuer, report }: { file: string; issuer: string; report: (progress: MoveProgress) => void },
): Promise<Imported> {
  const ciphers = [secret, ...previousSecrets].map((each) => createCipher(each))
  const opener = openerOf(ciphers)
  const records = await verified(file, opener, issuer)
  const { head, batches } = await contentsOf(file, opener)
  const cipher = cipherOf(ciphers, head.canary.payload)
  if (!cipher) throw notWhole(file, new SealBroken('The data was sealed with another secret.'))
  const marker: Marker = { export: head.export, complete: false }
  await begin(engine, opener, marker, file)
  // Together, and first of all: what follows is of no use without the canary.
  await engine.restore([markerRow(cipher, marker), head.canary])
  await Ring.open(engine, { secret, previousSecrets })
  let done = 0
  let written = 0
  for await (const { rows } of batches) {
    written += await engine.restore(rows)
    done += rows.length
    report({ done, total: records })
  }
  await completeMarker(engine, cipher, marker)
  return { records, written }
}

/** @throws {Error} unless the store is empty, or half filled from this very export */
async function begin(engine: StoreEngine, opener: Opener, marker: Marker, file: string): Promise<void> {
  const found = await readMarker(engine, opener).catch(() => undefined)
  if (found?.export === marker.export && !found.complete) return
  if (found?.export === marker.export) {
    throw new Error(
      `${file} was imported into this store before. What was spent or revoked since would be good again, so nothing was done.`,
    )
  }
  if ((await engine.scan({ limit: 1 })).rows.length === 0) return
  throw new Error('The store has data of its own; import into an empty one.')
}

/** Any of the secrets may have sealed a line. */
function openerOf(ciphers: readonly Cipher[]): Opener {
  return {
    open(context, sealed) {
      const cipher = cipherOf(ciphers, sealed)
      if (!cipher) throw new SealBroken('The text was sealed with another secret, or is not sealed.')
      return cipher.open(context, sealed)
    },
  }
}

/** @throws {SealBroken} */
async function contentsOf(file: string, opener: Opener): Promise<Contents> {
  const contents = await readExport(file, opener)
  if (!contents) throw new SealBroken('The file is empty.')
  return contents
}

async function verified(file: string, opener: Opener, issuer: string): Promise<number> {
  let contents: Contents
  let records = 0
  try {
    contents = await contentsOf(file, opener)
    for (;;) {
      const { done, value } = await contents.batches.next()
      if (!done) {
        records += value.rows.length
        continue
      }
      if (value?.records !== records) throw new SealBroken('The file has no last line.')
      break
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== undefined) throw new Error(`${file} cannot be read (${code}).`, { cause })
    if (!(cause instanceof SealBroken)) throw cause
    throw notWhole(file, cause)
  }
  if (contents.head.issuer === issuer) return records
  throw new Error(
    `${file} was exported from ${contents.head.issuer}; set that issuer, by which clients know the server.`,
  )
}

function notWhole(file: string, cause: unknown): Error {
  return new Error(
    `${file} is not a whole export that was made with this secret; nothing was imported. Export again, or set the secret of then.`,
    { cause },
  )
}
