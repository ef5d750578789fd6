/** R4: the database is away for 30 seconds under load, and comes back. */
import { join } from 'node:path'
import { defaultDriver, loadDriver } from '../../src/stores/embedded/driver.ts'
import { obtainTokens, register } from '../../test/support/client.ts'
import { type Lab, openLab, type StoreName, sleep } from './lab.ts'
import type { Proof } from './races.ts'
import { type Answered, Direct, percentile, tally } from './requests.ts'

const PROCESSES = 2
const REFRESHERS = 16
const AWAY_MS = 30_000
const LIMIT_MS = 3000
const RECOVERY_MS = 5000
const WELL_KNOWN = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']

type Breaker = (lab: Lab) => Promise<() => Promise<void>>

export async function proveOutage(store: StoreName, scale: number): Promise<Proof> {
  const ways: Readonly<Record<string, Breaker>> =
    store === 'mongodb' ? { 'refuses connections': cut, 'does not answer': stall } : { 'cannot be written': lock }
  const proofs: Proof[] = []
  for (const [what, breaker] of Object.entries(ways)) proofs.push(await once(store, scale, what, breaker))
  return { ok: proofs.every(({ ok }) => ok), figures: proofs.flatMap(({ figures }) => figures) }
}

const cut: Breaker = async ({ proxy }) => {
  proxy?.cut()
  return async () => proxy?.restore()
}

const stall: Breaker = async ({ proxy }) => {
  proxy?.stall()
  return async () => proxy?.restore()
}

/** The embedded store is in no other process, but another one may hold its lock. */
const lock: Breaker = async ({ folder }) => {
  const db = new (await loadDriver(defaultDriver()))(join(folder, 'data', 'consulate.db'))
  db.exec('PRAGMA busy_timeout = 10000')
  db.exec('BEGIN IMMEDIATE')
  return async () => {
    db.exec('ROLLBACK')
    db.close()
  }
}

async function once(store: StoreName, scale: number, what: string, breaker: Breaker): Promise<Proof> {
  const lab = await openLab({ store, processes: PROCESSES, proxied: true })
  const direct = new Direct(lab, 64)
  try {
    const before: Answered[] = []
    const during: Answered[] = []
    const known: Answered[] = []
    let into = before
    let stopped = false
    let recovered: number | undefined
    let restoredAt: number | undefined

    const client = await register(lab.url)
    const tokens: string[] = []
    for (let n = 0; n < REFRESHERS; n++) tokens.push((await obtainTokens(lab.url, client)).refresh_token)
    const load = tokens.map(async (first, process) => {
      let token = first
      while (!stopped) {
        const form = { grant_type: 'refresh_token', client_id: client.client_id, refresh_token: token }
        const sink = into
        const answer = await direct.post(process, '/token', form)
        // What was begun before the outage or ended after it belongs to neither.
        if (sink === into) sink.push(answer)
        if (answer.status === 200) {
          token = String(answer.body.refresh_token)
          if (restoredAt !== undefined) recovered ??= performance.now() - restoredAt
        } else await sleep(20)
      }
    })
    const watch = (async () => {
      for (let n = 0; !stopped; n++) {
        known.push(await direct.get(n, WELL_KNOWN[n % WELL_KNOWN.length] ?? ''))
        await sleep(25)
      }
    })()

    await sleep(3000)
    const memoryBefore = await memory(lab)
    const restore = await breaker(lab)
    into = []
    // Answers that were on their way.
    await sleep(100)
    into = during
    await sleep(AWAY_MS * scale)
    const memoryAfter = await memory(lab)
    into = []
    restoredAt = performance.now()
    await restore()
    await sleep(RECOVERY_MS + 1000)
    stopped = true
    await Promise.all([...load, watch])

    const p99 = percentile(
      during.map(({ took }) => took),
      0.99,
    )
    const unavailable = during.every(({ status, retryAfter }) => status === 503 && retryAfter)
    const published = known.every(({ status }) => status === 200)
    const grown = memoryAfter - memoryBefore
    return {
      ok:
        during.length > 0 &&
        unavailable &&
        published &&
        p99 <= LIMIT_MS &&
        (recovered ?? Infinity) <= RECOVERY_MS &&
        grown < 100,
      figures: [
        `the database ${what} for ${(AWAY_MS * scale) / 1000} s; before ${JSON.stringify(tally(before))}`,
        `  meanwhile ${JSON.stringify(tally(during))}, all with Retry-After: ${unavailable}, p99 ${p99} ms`,
        `  ${known.length} answers of well-knowns and keys, all 200: ${published}`,
        `  recovered after ${Math.round(recovered ?? Infinity)} ms, memory ${Math.round(memoryBefore)} to ${Math.round(memoryAfter)} MB`,
      ],
    }
  } finally {
    await direct.close()
    await lab.close()
  }
}

async function memory({ issuers }: Lab): Promise<number> {
  const each = await Promise.all(issuers.map((issuer) => issuer.memory()))
  return each.reduce((sum, one) => sum + one, 0)
}
