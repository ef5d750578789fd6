/** R3: issuers, and the database below them, killed at random instants while clients refresh and connect. */
import { readFile } from 'node:fs/promises'
import { LOOPBACK_REDIRECT, obtainTokens, type Registered, register } from '../../test/support/client.ts'
import type { IssuerProcess } from './issuer-process.ts'
import { chance, type Lab, openLab, type StoreName, sleep } from './lab.ts'
import type { Proof } from './races.ts'

const PROCESSES = 2
const CLIENTS = 24
const KILLS = 300
const OPERATIONS = 20_000
/** Of all operations, so many are whole sign-ins with consent. */
const SIGN_INS = 0.02
/** Milliseconds between the end of one restart and the next kill, at most. */
const PAUSE = 700
/** With a database of its own, every fifth kill is for it. */
const DATABASE_KILLS = 0.2
const REOPEN_MS = 2000

/** Of the clients, so many send each request twice at once. They may lose both answers, and so their grant. */
const RACERS = 4
/** Milliseconds; a spent token must not be good any more when it comes back after it. */
const WINDOW = 60_000

interface Ledger {
  operations: number
  readonly lost: { readonly clientId: string; readonly at: number }[]
  doubled: string[]
  retried: number
  replayed: number
  /** How often each token was good. */
  readonly good: Map<string, number>
}

export async function proveKills(store: StoreName, scale: number, seed: number): Promise<Proof> {
  const kills = Math.round(KILLS * scale)
  const operations = Math.round(OPERATIONS * scale)
  const lab = await openLab({ store, processes: PROCESSES, tokens: { refreshReuseSeconds: WINDOW / 1000 } })
  const random = chance(seed)
  const ledger: Ledger = { operations: 0, lost: [], doubled: [], retried: 0, replayed: 0, good: new Map() }
  let stopped = false
  let killed = 0
  let databaseKilled = 0
  try {
    const clients = Array.from({ length: CLIENTS }, (_, n) => live(lab, ledger, random, () => stopped, n < RACERS))
    while (killed < kills || ledger.operations < operations) {
      await sleep(50 + random() * PAUSE)
      if (lab.engine?.program && random() < DATABASE_KILLS) {
        await lab.engine.program.kill()
        await lab.engine.program.start()
        databaseKilled += 1
      } else {
        const victim = lab.issuers[Math.floor(random() * PROCESSES)]
        await victim?.stop('SIGKILL')
        if (victim) await startAgain(victim)
      }
      killed += 1
    }
    stopped = true
    await Promise.all(clients)
    await sleep(500)
    for (const { clientId, at } of ledger.lost.slice(0, 5)) console.error(await history(lab, clientId, at))
    for (const [token, times] of ledger.good) {
      if (times > 2) ledger.doubled.push(`a token (${token.slice(0, 4)}…) was good ${times} times`)
    }
  } finally {
    stopped = true
    await lab.close()
  }
  const opened = Math.max(...lab.issuers.flatMap((issuer) => issuer.opened))
  const started = Math.max(...lab.issuers.flatMap((issuer) => issuer.started))
  for (const line of ledger.doubled.slice(0, 20)) console.error(line)
  return {
    ok: ledger.lost.length === 0 && ledger.doubled.length === 0 && opened <= REOPEN_MS,
    figures: [
      `${killed} kills (${databaseKilled} of the database), ${ledger.operations} operations, ${ledger.retried} retried`,
      `${ledger.lost.length} grants lost, ${ledger.good.size} tokens spent, ${ledger.doubled.length} of them more than twice or after the window`,
      `${ledger.replayed} tokens sent again after the window`,
      `store open again after ${opened} ms, issuer after ${Math.round(started)} ms at most`,
    ],
  }
}

/** As whoever runs it does: a store that is not back yet ends a start. */
async function startAgain(issuer: IssuerProcess): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await issuer.start()
      return
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

/** What the issuers logged about a client in the seconds before it was refused. */
async function history({ logFile }: Lab, clientId: string, at: number): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.includes(clientId))
  const until = lines.filter((line) => Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '') <= at + 500)
  return until.slice(-8).join('\n')
}

/** One client: it refreshes, and with what it has last when an answer was lost; now and then it connects anew. */
async function live(
  lab: Lab,
  ledger: Ledger,
  random: () => number,
  stopped: () => boolean,
  racer: boolean,
): Promise<void> {
  let client: Registered | undefined
  let token: string | undefined
  /** What the family that is in use began with, and those that were left behind. */
  let first: Spent | undefined
  const left: Spent[] = []
  while (!stopped()) {
    if (client === undefined) {
      client = await register(lab.url, { redirect_uris: [LOOPBACK_REDIRECT] }).catch(() => undefined)
      continue
    }
    if (token === undefined || random() < SIGN_INS) {
      if (first) left.push(first)
      for (const spent of left.splice(0, left.findIndex(({ at }) => performance.now() - at < WINDOW) >>> 0)) {
        await replay(lab, ledger, client, spent)
      }
      // A sign-in that was cut short is begun again; what counts is that a finished one stays.
      const tokens = await obtainTokens(lab.url, client).catch(() => undefined)
      first = undefined
      token = tokens?.refresh_token
      if (tokens) ledger.operations += 1
      else await sleep(20)
      continue
    }
    const spent = token
    const times = racer ? 2 : 1
    const answers = await Promise.all(
      Array.from({ length: times }, () => refreshed(lab, ledger, client as Registered, spent, stopped)),
    )
    first ??= { token: spent, at: performance.now() }
    token = answers.find((answer) => answer !== undefined)
    if (token === undefined && !racer) ledger.lost.push({ clientId: client.client_id, at: Date.now() })
    ledger.operations += times
  }
}

interface Spent {
  readonly token: string
  /** When its answer was there: its use was earlier. */
  readonly at: number
}

async function replay(lab: Lab, ledger: Ledger, client: Registered, { token }: Spent): Promise<void> {
  const response = await refreshOnce(lab, client, token)
  if (response === undefined || response.status === 503) return
  ledger.replayed += 1
  if (response.status !== 400) ledger.doubled.push(`a token was answered ${response.status} after the window`)
}

interface Answer {
  readonly status: number
  readonly body: Record<string, string>
}

/** Undefined when the answer was lost. */
async function refreshOnce(lab: Lab, client: Registered, token: string): Promise<Answer | undefined> {
  const response = await fetch(`${lab.url}/token`, {
    method: 'POST',
    headers: { connection: 'close' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: token,
    }),
    signal: AbortSignal.timeout(10_000),
  }).catch(() => undefined)
  const body = (await response?.json().catch(() => undefined)) as Record<string, string> | undefined
  return response && body && { status: response.status, body }
}

/** Asks until there is an answer, as a client does that lost one. Undefined when it is a refusal. */
async function refreshed(
  lab: Lab,
  ledger: Ledger,
  client: Registered,
  token: string,
  stopped: () => boolean,
): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    if (stopped() && attempt > 100) return token
    const answer = await refreshOnce(lab, client, token)
    if (answer === undefined || answer.status === 503) {
      ledger.retried += 1
      await sleep(20 + 30 * Math.min(attempt, 10))
      continue
    }
    if (answer.status !== 200) return undefined
    ledger.good.set(token, (ledger.good.get(token) ?? 0) + 1)
    return answer.body.refresh_token
  }
}
