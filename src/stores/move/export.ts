/** Writes everything that a store holds into a file, from which `import.ts` fills another one. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename } from 'node:fs/promises'
import type { StoreEngine } from '../../store.ts'
import { SealBroken } from '../cipher.ts'
import { CANARY, type Ring } from '../ring.ts'
import { type Batch, batchLine, type Head, headLine, readExport, tailLine } from './file.ts'
import { MARKER } from './marker.ts'

const BATCH = 500

export interface MoveProgress {
  readonly done: number
  readonly total: number
}

interface Start {
  readonly head: Head
  readonly line: number
  readonly records: number
  readonly after?: string
  /** Whether every row is in the file already. */
  readonly complete: boolean
}

/** Of the engine that is exported; the store that is filled makes its own. */
const LEFT_OUT: readonly string[] = [CANARY.kind, MARKER.kind]

/**
 * Writes `<file>.part`, and renames it when it is whole. One that was cut short is continued after the last line that is
 * whole and still true.
 * @returns how many records the file holds
 * @throws {Error} one sentence when the file exists, cannot be written, or the part belongs to another store
 * @throws {StoreUnavailable}
 */
export async function exportStore(
  engine: StoreEngine,
  ring: Ring,
  { file, issuer, report }: { file: string; issuer: string; report: (progress: MoveProgress) => void },
): Promise<number> {
  if (await exists(file)) throw new Error(`${file} exists already; name another file.`)
  const part = `${file}.part`
  try {
    // Never by way of a link, and for its owner alone, whoever made it.
    const out = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    try {
      await out.chmod(0o600)
      const start = (await continued(engine, ring, part, issuer, out)) ?? (await begin(engine, ring, issuer, out))
      const { records, line } = await writeBatches(engine, ring, out, start, report)
      await append(out, tailLine(ring.writer, start.head, line, { records }))
      await out.sync()
      await rename(part, file)
      return records
    } finally {
      await out.close()
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (typeof code !== 'string') throw cause
    throw new Error(`${part} cannot be written (${code}); free the place or the space and run the command again.`, {
      cause,
    })
  }
}

async function begin(engine: StoreEngine, ring: Ring, issuer: string, out: FileHandle): Promise<Start> {
  const canary = await engine.get(CANARY.kind, CANARY.id)
  if (!canary) throw new Error('The store is empty; there is nothing to export.')
  const head: Head = { format: 1, export: randomUUID(), issuer, canary }
  await out.truncate(0)
  await append(out, headLine(ring.writer, head))
  return { head, line: 1, records: 0, complete: false }
}

async function writeBatches(
  engine: StoreEngine,
  ring: Ring,
  out: FileHandle,
  start: Start,
  report: (progress: MoveProgress) => void,
): Promise<{ records: number; line: number }> {
  let { records, line } = start
  let after = start.after
  if (start.complete) return { records, line }
  const { records: total } = await engine.size()
  for (;;) {
    const batch = await nextBatch(engine, after)
    await append(out, batchLine(ring.writer, start.head, line, batch))
    line += 1
    records += batch.rows.length
    report({ done: records, total: Math.max(total, records) })
    if (batch.next === undefined) return { records, line }
    after = batch.next
  }
}

async function nextBatch(engine: StoreEngine, after: string | undefined): Promise<Batch> {
  const page = await engine.scan({ limit: BATCH, ...(after === undefined ? {} : { after }) })
  const rows = page.rows.filter(({ kind }) => !LEFT_OUT.includes(kind))
  return page.next === undefined ? { rows } : { rows, next: page.next }
}

/** What a part holds that the store still says, or undefined when it holds nothing yet. What was spent or revoked since
 * it was cut short must not be good again, so each batch is compared. @throws {Error} */
async function continued(
  engine: StoreEngine,
  ring: Ring,
  part: string,
  issuer: string,
  out: FileHandle,
): Promise<Start | undefined> {
  try {
    const found = await readExport(part, ring)
    if (!found) return undefined
    const { head, batches } = found
    const canary = await engine.get(CANARY.kind, CANARY.id)
    if (head.issuer !== issuer || head.canary.payload !== canary?.payload) {
      throw new SealBroken('The part belongs to another store.')
    }
    let start: Start = { head, line: 1, records: 0, complete: false }
    let keep = found.end
    for await (const { end, ...batch } of batches) {
      if (JSON.stringify(batch) !== JSON.stringify(await nextBatch(engine, start.after))) break
      const { line, records } = start
      const here = { head, line: line + 1, records: records + batch.rows.length }
      start = batch.next === undefined ? { ...here, complete: true } : { ...here, after: batch.next, complete: false }
      keep = end
    }
    await out.truncate(keep)
    return start
  } catch (cause) {
    if (!(cause instanceof SealBroken)) throw cause
    throw new Error(`${part} is not the beginning of this export; remove it or name another file.`, { cause })
  }
}

async function append(out: FileHandle, line: string): Promise<void> {
  const { size } = await out.stat()
  await out.write(`${line}\n`, size)
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  )
}
