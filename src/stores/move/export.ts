/** Writes everything that a store holds into a file, from which `import.ts` fills another one. */
import { randomUUID } from 'node:crypto'
import { access, type FileHandle, open, rename, rm, truncate } from 'node:fs/promises'
import type { StoreEngine } from '../../store.ts'
import { SealBroken } from '../cipher.ts'
import { CANARY, type Ring } from '../ring.ts'
import { batchLine, type Head, headLine, readExport, tailLine } from './file.ts'

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

/**
 * Writes `<file>.part`, and renames it when it is whole. One that was cut short is continued after its last whole line.
 * @returns how many records the file holds
 * @throws {Error} one sentence when the file exists or the part belongs to another export @throws {StoreUnavailable}
 */
export async function exportStore(
  engine: StoreEngine,
  ring: Ring,
  { file, issuer, report }: { file: string; issuer: string; report: (progress: MoveProgress) => void },
): Promise<number> {
  if (await exists(file)) throw new Error(`${file} exists already; name another file.`)
  const part = `${file}.part`
  const begun = (await exists(part)) ? await continued(part, ring, issuer) : undefined
  const out = await open(part, begun ? 'a' : 'wx', 0o600)
  try {
    const start = begun ?? (await begin(engine, ring, issuer, out))
    const { records, line } = await writeBatches(engine, ring, out, start, report)
    await out.write(`${tailLine(ring.writer, start.head, line, { records })}\n`)
    await out.sync()
    await rename(part, file)
    return records
  } finally {
    await out.close()
  }
}

async function begin(engine: StoreEngine, ring: Ring, issuer: string, out: FileHandle): Promise<Start> {
  const canary = await engine.get(CANARY.kind, CANARY.id)
  if (!canary) throw new Error('The store is empty; there is nothing to export.')
  const head: Head = { format: 1, export: randomUUID(), issuer, canary }
  await out.write(`${headLine(ring.writer, head)}\n`)
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
    const page = await engine.scan({ limit: BATCH, ...(after === undefined ? {} : { after }) })
    const rows = page.rows.filter(({ kind }) => kind !== CANARY.kind)
    const batch = page.next === undefined ? { rows } : { rows, next: page.next }
    await out.write(`${batchLine(ring.writer, start.head, line, batch)}\n`)
    line += 1
    records += rows.length
    report({ done: records, total: Math.max(total, records) })
    if (page.next === undefined) return { records, line }
    after = page.next
  }
}

/** What a part holds, without a line that was cut off. @throws {Error} */
async function continued(part: string, ring: Ring, issuer: string): Promise<Start | undefined> {
  try {
    const { head, batches } = await readExport(part, ring)
    if (head.issuer !== issuer) throw new SealBroken('The part belongs to another issuer.')
    let line = 1
    let records = 0
    let last: { readonly next?: string; readonly end: number } | undefined
    for await (const batch of batches) {
      line += 1
      records += batch.rows.length
      last = batch
    }
    if (!last) {
      await rm(part)
      return undefined
    }
    await truncate(part, last.end)
    return { head, line, records, complete: last.next === undefined, ...(last.next ? { after: last.next } : {}) }
  } catch (cause) {
    if (!(cause instanceof SealBroken)) throw cause
    throw new Error(`${part} is not the beginning of this export; remove it or name another file.`, { cause })
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
