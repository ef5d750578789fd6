/** Fills a store from a file of `export.ts`. Rows stay as they were: sealed, spent, expired. */
import type { StoreEngine } from '../../store.ts'
import { createCipher, SealBroken } from '../cipher.ts'
import { CANARY, Ring, type Secrets } from '../ring.ts'
import type { MoveProgress } from './export.ts'
import { type Contents, type Opener, readExport } from './file.ts'

export interface Imported {
  /** In the file. */
  readonly records: number
  /** Written by this run; the others were there. */
  readonly written: number
}

/**
 * Reads the whole file once before anything is written. A run that was cut short is repeated, and leaves alone what is
 * there.
 * @throws {Error} one sentence when the file is damaged or of another secret, or the store has data of its own
 * @throws {StoreUnavailable}
 */
export async function importStore(
  engine: StoreEngine,
  secrets: Secrets,
  { file, issuer, report }: { file: string; issuer: string; report: (progress: MoveProgress) => void },
): Promise<Imported> {
  const opener = openerOf(secrets)
  const records = await verified(file, opener, issuer)
  const { head, batches } = await readExport(file, opener)
  // First of all: what follows is of no use without it, and a store that has another one keeps its data.
  await engine.restore([head.canary])
  const canary = await engine.get(CANARY.kind, CANARY.id)
  if (canary?.payload !== head.canary.payload) {
    throw new Error('The store has data of its own; import into an empty one.')
  }
  await Ring.open(engine, secrets)
  let done = 0
  let written = 0
  for await (const { rows } of batches) {
    written += await engine.restore(rows)
    done += rows.length
    report({ done, total: records })
  }
  return { records, written }
}

/** Any of the secrets may have sealed the file. */
function openerOf({ secret, previousSecrets = [] }: Secrets): Opener {
  const ciphers = [secret, ...previousSecrets].map((each) => createCipher(each))
  return {
    open(context, sealed) {
      const broken: unknown[] = []
      for (const cipher of ciphers) {
        try {
          return cipher.open(context, sealed)
        } catch (error) {
          broken.push(error)
        }
      }
      throw broken[0]
    },
  }
}

async function verified(file: string, opener: Opener, issuer: string): Promise<number> {
  let contents: Contents
  let records = 0
  try {
    contents = await readExport(file, opener)
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
    throw new Error(
      `${file} is not a whole export that was made with this secret; nothing was imported. Export again, or set the secret of then.`,
      { cause },
    )
  }
  if (contents.head.issuer === issuer) return records
  throw new Error(
    `${file} was exported from ${contents.head.issuer}; set that issuer, by which clients know the server.`,
  )
}
