/**
 * The embedded store with a million records: how long a new process takes to open it, what memory it needs, and how it
 * deletes expired records and gives their space back. `npm run bench:large`; it takes some minutes and 2 GB of disk, and
 * `-- 100000` makes it smaller.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoredRow } from '../src/store.ts'
import { openEmbeddedStore } from '../src/stores/embedded/index.ts'

const BATCH = 1000
/** As the sweeper of a server does it. */
const SWEEP = 100
/** The share of records that expire while this runs. */
const EXPIRING = 0.2

const [first = '1000000', path] = process.argv.slice(2)
if (first === 'open' && path !== undefined) await openOnly(path)
else await measure(Number(first))

/** In a process of its own, so that nothing is warm but the disk. */
async function openOnly(folder: string): Promise<void> {
  const before = process.memoryUsage().rss
  const began = performance.now()
  const store = await openEmbeddedStore({ path: folder })
  const opened = performance.now() - began
  await store.get('RefreshToken', 'absent')
  const answered = performance.now() - began
  await timed('  every record counted', () => store.size())
  const grown = (process.memoryUsage().rss - before) / 1e6
  console.log(`  open after ${ms(opened)}, first answer after ${ms(answered)}, ${grown.toFixed(0)} MB of memory more`)
  await store.close()
}

async function measure(records: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'consulate-large-'))
  try {
    const now = Date.now()
    let clock = now
    const store = await openEmbeddedStore({ path: folder, now: () => clock })
    const size = async () => (await stat(join(folder, 'consulate.db'))).size / 1e6
    await timed(`${records} records written`, async () => {
      for (let done = 0; done < records; done += BATCH) {
        await store.restore(Array.from({ length: BATCH }, () => row(now, Math.random() < EXPIRING)))
      }
    })
    await store.close()
    console.log(`the file has ${(await size()).toFixed(0)} MB`)
    execFileSync(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), 'open', folder], {
      stdio: 'inherit',
    })
    const again = await openEmbeddedStore({ path: folder, now: () => clock })
    clock = now + 2000
    let slowest = 0
    let swept = 0
    await timed('every expired record deleted', async () => {
      for (let last = SWEEP; last === SWEEP; ) {
        const began = performance.now()
        last = await again.sweep(SWEEP)
        slowest = Math.max(slowest, performance.now() - began)
        swept += last
      }
    })
    for (let n = 0; n < 1000; n++) await again.sweep(SWEEP)
    console.log(`  ${swept} in batches of ${SWEEP}, the slowest ${ms(slowest)}`)
    await again.close()
    console.log(
      `the file has ${(await size()).toFixed(0)} MB, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB of memory`,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function row(now: number, expiring: boolean): StoredRow {
  const id = () => randomBytes(32).toString('base64url')
  return {
    kind: 'RefreshToken',
    id: id(),
    payload: randomBytes(700).toString('base64url'),
    expiresAt: expiring ? now + 1000 : now + 2_592_000_000,
    grantId: id(),
    clientId: id(),
    accountId: id(),
  }
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now()
  await work()
  console.log(`${what} in ${ms(performance.now() - began)}`)
}

function ms(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`
}
