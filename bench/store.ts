/**
 * What the embedded store does on this machine: operations per second of put, get and consume, raw and sealed, by the
 * number of callers. Every put and consume is on the disk before it counts. Run it with `node --import tsx
 * bench/store.ts`; it takes about ten seconds. Set `DRIVER` to `libsql` or `node:sqlite` to compare the two.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../src/store.ts'
import { type DriverName, defaultDriver } from '../src/stores/embedded/driver.ts'
import { openEmbeddedStore } from '../src/stores/embedded/index.ts'
import { Ring } from '../src/stores/ring.ts'
import { sealStore } from '../src/stores/seal.ts'

const CALLERS = [1, 8, 32, 128]
/** Milliseconds for each figure. */
const SPAN = 300
const PAYLOAD = JSON.stringify({ claims: 'x'.repeat(1000) })

const driver = (process.env.DRIVER ?? defaultDriver()) as DriverName
const expiresAt = Date.now() + 3_600_000
/** Random, as real ones are: ids in order would spare the raw store most of the work on its index. */
const ids: string[] = []
const grants = Array.from({ length: 1000 }, randomId)

function randomId(): string {
  return randomBytes(24).toString('base64url')
}

function put(store: Store): Promise<boolean> {
  const id = randomId()
  const grantId = grants[ids.push(id) % grants.length] ?? ''
  return store.put({ kind: 'Token', id, payload: PAYLOAD, expiresAt, grantId }, 'insert')
}

/** Calls per second of `call` with so many callers, each waiting for its answer before it calls again. */
async function measure(callers: number, call: () => Promise<boolean>): Promise<number> {
  const start = performance.now()
  let calls = 0
  const caller = async () => {
    while (performance.now() - start < SPAN) {
      if (!(await call())) throw new Error('a call did not do what is measured')
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (calls * 1000) / (performance.now() - start)
}

async function row(name: string, open: (path: string) => Promise<Store>): Promise<void> {
  for (const callers of CALLERS) {
    const path = await mkdtemp(join(tmpdir(), 'consulate-bench-'))
    const store = await open(path)
    ids.length = 0
    const puts = await measure(callers, () => put(store))
    let read = 0
    const gets = await measure(callers, async () => Boolean(await store.get('Token', ids[read++ % ids.length] ?? '')))
    // Enough for most calls to spend a fresh record.
    while (ids.length < 4000) await Promise.all(Array.from({ length: 200 }, () => put(store)))
    let spent = 0
    const consumes = await measure(callers, async () => {
      // Beyond the last one a call is a repeated one, which is a write too.
      const id = ids[spent++ % ids.length] ?? ''
      return (await store.consume('Token', id, { within: 3_600_000, times: 1_000_000 })) !== 'refused'
    })
    console.log([name.padEnd(8), `${callers}`.padStart(7), ...[puts, gets, consumes].map(figure)].join('  '))
    await store.close()
    await rm(path, { recursive: true })
  }
}

const figure = (perSecond: number) => Math.round(perSecond).toString().padStart(9)

console.log(
  `embedded store on ${driver}, Node ${process.versions.node}, payload of ${PAYLOAD.length} bytes, per second`,
)
console.log(
  ['store   ', 'callers', 'put', 'get', 'consume'].map((title, n) => title.padStart(n < 2 ? 0 : 9)).join('  '),
)
await row('raw', (path) => openEmbeddedStore({ path, driver }))
const secret = 'a secret of the bench, thirty-two characters or more'
await row('sealed', async (path) => {
  const engine = await openEmbeddedStore({ path, driver })
  return sealStore(engine, await Ring.open(engine, { secret }))
})
