/**
 * The file that moves a store: one sealed text a line, in an order that cannot be changed. The first line names the
 * export and holds the canary, each further one a batch of rows, and the last one how many there were.
 */
import { createReadStream } from 'node:fs'
import type { StoredRow } from '../../store.ts'
import { type Cipher, SealBroken } from '../cipher.ts'
import type { Ring } from '../ring.ts'

export interface Head {
  readonly format: 1
  /** Of this export, so that lines of two files cannot be mixed. */
  readonly export: string
  readonly issuer: string
  /** What ids are hashed with and everything is sealed with; see `ring.ts`. */
  readonly canary: StoredRow
}

export interface Batch {
  readonly rows: readonly StoredRow[]
  /** Where the export goes on after these rows; absent after the last. */
  readonly next?: string
}

export interface Tail {
  readonly records: number
}

type Sealer = Pick<Cipher, 'seal'>

export const headLine = (cipher: Sealer, head: Head) => cipher.seal(['export head'], JSON.stringify(head))
export const batchLine = (cipher: Sealer, { export: id }: Head, line: number, batch: Batch) =>
  cipher.seal(['export', id, `${line}`], JSON.stringify(batch))
export const tailLine = (cipher: Sealer, { export: id }: Head, line: number, tail: Tail) =>
  cipher.seal(['export end', id, `${line}`], JSON.stringify(tail))

export type Opener = Pick<Ring, 'open'> | Pick<Cipher, 'open'>

export interface Contents {
  readonly head: Head
  /** Where its line ends: bytes from the start. */
  readonly end: number
  /** Where each whole line ends: bytes from the start. */
  readonly batches: AsyncGenerator<Batch & { readonly end: number }, Tail | undefined>
}

/** Reads a file from its start, or answers undefined when it has no whole line. The batches end with what the last line
 * says, or undefined when there is none.
 * @throws {SealBroken} for a line that was changed, moved or sealed with another secret */
export async function readExport(file: string, opener: Opener): Promise<Contents | undefined> {
  const lines = wholeLines(file)
  const first = await lines.next()
  if (first.done) return undefined
  const head = JSON.parse(opener.open(['export head'], first.value.text)) as Head

  async function* batches(): Contents['batches'] {
    for (let line = 1; ; line++) {
      const next = await lines.next()
      if (next.done) return undefined
      const { text, end } = next.value
      const batch = tryOpen(opener, ['export', head.export, `${line}`], text)
      if (batch === undefined) {
        const tail = JSON.parse(opener.open(['export end', head.export, `${line}`], text)) as Tail
        if (!(await lines.next()).done) throw new SealBroken('The file goes on after its last line.')
        return tail
      }
      yield { ...(JSON.parse(batch) as Batch), end }
    }
  }
  return { head, end: first.value.end, batches: batches() }
}

function tryOpen(opener: Opener, context: readonly string[], text: string): string | undefined {
  try {
    return opener.open(context, text)
  } catch (error) {
    if (error instanceof SealBroken) return undefined
    throw error
  }
}

/** Without a last one that was cut off: a line is whole when its break is there. */
async function* wholeLines(file: string): AsyncGenerator<{ text: string; end: number }> {
  const pieces: string[] = []
  let end = 0
  for await (const chunk of createReadStream(file, 'latin1') as AsyncIterable<string>) {
    let from = 0
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', from)) {
      const text = pieces.splice(0).join('') + chunk.slice(from, at)
      from = at + 1
      end += text.length + 1
      yield { text, end }
    }
    pieces.push(chunk.slice(from))
  }
}
