/** R4: the database is away for 30 seconds under load, and comes back. */
import { join } from 'node:path'
import { defaultDriver, loadDriver } from '../../src/stores/embedded/driver.ts'
import type { Document } from '../../src/stores/mongodb/document.ts'
import { register } from '../../test/support/client.ts'
import { Families } from './families.ts'
import { type Lab, openLab, type StoreName, sleep } from './lab.ts'
import type { Proof } from './races.ts'
import { type Answered, Direct, percentile, tally } from './requests.ts'

const PROCESSES = 2
const FAMILIES = 16
/** Milliseconds. */
const BEFORE_MS = 3000
const AWAY_MS = 30_000
/** A shorter outage is over before those whom it meets have asked once more and been answered. */
const AWAY_LEAST_MS = 6000
/** Over before the shortest outage is, so that a spending of which nobody learned costs a grant unless it is taken back. */
const REUSE_SECONDS = 2
/** Milliseconds in which answers that were on their way when the outage began arrive: they may be good or a refusal, and
 * are held to the limit of time like all that it met. */
const UNDER_WAY_MS = 100
const LIMIT_MS = 3000
const RECOVERY_MS = 5000
/** Milliseconds that must pass without a refusal before everybody counts as recovered for good. */
const QUIET_MS = 1000
/** Milliseconds after which a process that says nothing has not answered. */
const NO_ANSWER_MS = 10_000
/** Megabytes, all processes together. */
const GROWTH_LIMIT = 100
const WELL_KNOWN = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']

type Breaker = (lab: Lab) => Promise<() => Promise<void>>

export async function proveOutage(store: StoreName, scale: number): Promise<Proof> {
  const ways: Readonly<Record<string, Breaker>> =
    store === 'mongodb'
      ? { 'refuses connections': cut, 'gets and gives nothing': stall, 'gets everything and gives nothing': halfOpen }
      : { 'cannot be written': lock }
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

/** The database does what it is asked, and nobody learns of it. */
const halfOpen: Breaker = async ({ proxy }) => {
  proxy?.halfOpen()
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
  const lab = await openLab({
    store,
    processes: PROCESSES,
    proxied: true,
    tokens: { refreshReuseSeconds: REUSE_SECONDS },
  })
  const away = Math.max(AWAY_LEAST_MS, AWAY_MS * scale)
  const direct = new Direct(lab, 64, NO_ANSWER_MS)
  try {
    const known: Answered[] = []
    let stopped = false
    const families = await Families.start(lab, direct, await register(lab.url), FAMILIES)
    const watch = (async () => {
      for (let n = 0; !stopped; n++) {
        known.push(await direct.get(n, WELL_KNOWN[n % WELL_KNOWN.length] ?? ''))
        await sleep(25)
      }
    })()

    await sleep(BEFORE_MS)
    const memoryBefore = await memory(lab)
    const brokenAt = performance.now()
    const restore = await breaker(lab)
    const awayFrom = performance.now()
    const awayAt = awayFrom + UNDER_WAY_MS
    await sleep(UNDER_WAY_MS + away)
    const memoryAfter = await memory(lab)
    const done = await unlearned(lab, families)
    const restoredAt = performance.now()
    await restore()
    await settled(families, restoredAt)
    stopped = true
    await Promise.all([families.stop(), watch])
    // The records of a grant that was lost are gone, and what they counted.
    const stay = families.lost.length === 0 ? await unlearned(lab, families) : 'not to be counted'

    const before = families.between(0, brokenAt)
    const during = families.between(awayAt, restoredAt)
    const after = families.between(restoredAt, Number.POSITIVE_INFINITY)
    const { families: back, after: recovered } = families.recovery(restoredAt)
    const met = families.underWay(awayFrom, restoredAt).map(({ took }) => took)
    const p99 = percentile(met, 0.99)
    const unavailable = during.every(isUnavailable)
    const odd = families.answers.filter((answer) => answer.status !== 200 && !isUnavailable(answer)).length
    const published = known.every(({ status }) => status === 200)
    for (const line of families.lost) console.error(line)
    return {
      ok:
        before.length > 0 &&
        during.length > 0 &&
        unavailable &&
        odd === 0 &&
        families.lost.length === 0 &&
        stay === 0 &&
        published &&
        p99 <= LIMIT_MS &&
        recovered <= RECOVERY_MS &&
        memoryAfter - memoryBefore < GROWTH_LIMIT,
      figures: [
        `the database ${what} for ${away / 1000} s; before ${JSON.stringify(tally(before))}`,
        `  meanwhile ${JSON.stringify(tally(during))}, all 503 with Retry-After: ${unavailable}`,
        `  ${met.length} were under way at any time of it, before and after too: p99 ${p99} ms, the slowest ${percentile(met, 1)} ms`,
        `  ${known.length} answers of well-knowns and keys, all 200: ${published}`,
        `  then ${JSON.stringify(tally(after))}; of ${FAMILIES} families ${back.join(' and ')} refreshed at each of the issuers`,
        `  all of them after ${Math.round(recovered)} ms; ${families.lost.length} grants lost, ${odd} answers in all that are neither 200 nor 503 with Retry-After`,
        ...(lab.database
          ? [`  ${done} spendings were done at the database and nobody had learned of them; ${stay} when all were back`]
          : []),
        `  memory ${Math.round(memoryBefore)} to ${Math.round(memoryAfter)} MB`,
      ],
    }
  } finally {
    await direct.close()
    await lab.close()
  }
}

const isUnavailable = ({ status, retryAfter }: Answered) => status === 503 && retryAfter

/**
 * How many spendings of refresh tokens the database has, each token's first and all again, beyond those that clients were
 * answered 200 for: requests that failed did them, and nobody learned of it. None for the embedded store, which is in the
 * process that answers.
 */
async function unlearned({ database }: Lab, { answers }: Families): Promise<number> {
  if (!database) return 0
  const documents: Document[] = JSON.parse(await database.dump()).flat()
  const spent = documents.filter(({ k, at }) => k === 'RefreshToken' && at !== undefined)
  const spendings = spent.reduce((sum, { r }) => sum + 1 + r, 0)
  return spendings - answers.filter(({ status }) => status === 200).length
}

/** Waits until everybody is back and stayed so, or the time for it is over. */
async function settled(families: Families, since: number): Promise<void> {
  for (let gone = 0; gone < RECOVERY_MS + QUIET_MS; gone = performance.now() - since) {
    if (gone > families.recovery(since).after + QUIET_MS) return
    await sleep(50)
  }
}

/** Not a number when an issuer has ended. */
async function memory({ issuers }: Lab): Promise<number> {
  const each = await Promise.all(issuers.map((issuer) => issuer.memory()))
  return each.reduce((sum, one) => sum + one, 0)
}
