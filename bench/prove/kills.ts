/** R3: issuers, and the database below them, killed at random instants while clients refresh and connect. */
import { readFile } from 'node:fs/promises'
import { LOOPBACK_REDIRECT, obtainTokens, type Registered, register } from '../../test/support/client.ts'
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

interface Ledger {
  operations: number
  lost: string[]
  doubled: string[]
  retried: number
}

export async function proveKills(store: StoreName, scale: number, seed: number): Promise<Proof> {
  const kills = Math.round(KILLS * scale)
  const operations = Math.round(OPERATIONS * scale)
  const lab = await openLab({ store, processes: PROCESSES })
  const random = chance(seed)
  const ledger: Ledger = { operations: 0, lost: [], doubled: [], retried: 0 }
  let stopped = false
  let killed = 0
  let databaseKilled = 0
  try {
    const clients = Array.from({ length: CLIENTS }, () => live(lab, ledger, random, () => stopped))
    while (killed < kills || ledger.operations < operations) {
      await sleep(50 + random() * PAUSE)
      if (lab.engine?.program && random() < DATABASE_KILLS) {
        await lab.engine.program.kill()
        await lab.engine.program.start()
        databaseKilled += 1
      } else {
        const victim = lab.issuers[Math.floor(random() * PROCESSES)]
        await victim?.stop('SIGKILL')
        await victim?.start()
      }
      killed += 1
    }
    stopped = true
    await Promise.all(clients)
    if (ledger.lost.length > 0) console.error(await causes(lab))
  } finally {
    stopped = true
    await lab.close()
  }
  const opened = Math.max(...lab.issuers.flatMap((issuer) => issuer.opened))
  const started = Math.max(...lab.issuers.flatMap((issuer) => issuer.started))
  for (const line of [...ledger.lost, ...ledger.doubled].slice(0, 20)) console.error(line)
  return {
    ok: ledger.lost.length === 0 && ledger.doubled.length === 0 && opened <= REOPEN_MS,
    figures: [
      `${killed} kills (${databaseKilled} of the database), ${ledger.operations} operations, ${ledger.retried} retried`,
      `${ledger.lost.length} grants lost, ${ledger.doubled.length} tokens spent more than twice`,
      `store open again after ${opened} ms, issuer after ${Math.round(started)} ms at most`,
    ],
  }
}

/** What the issuers logged about refused grants, which clients are not told. */
async function causes({ logFile }: Lab): Promise<string> {
  await sleep(500)
  const lines = (await readFile(logFile, 'utf8')).split('\n')
  return lines
    .filter((line) => line.includes('invalid_grant'))
    .slice(-5)
    .join('\n')
}

/** One client: it refreshes, and with what it has last when an answer was lost; now and then it connects anew. */
async function live(lab: Lab, ledger: Ledger, random: () => number, stopped: () => boolean): Promise<void> {
  let client: Registered | undefined
  let token: string | undefined
  while (!stopped()) {
    if (client === undefined) {
      client = await register(lab.url, { redirect_uris: [LOOPBACK_REDIRECT] }).catch(() => undefined)
      continue
    }
    if (token === undefined || random() < SIGN_INS) {
      // A sign-in that was cut short is begun again; what counts is that a finished one stays.
      const tokens = await obtainTokens(lab.url, client).catch(() => undefined)
      if (!tokens) {
        await sleep(20)
        continue
      }
      token = tokens.refresh_token
      ledger.operations += 1
      continue
    }
    token = await refreshed(lab, ledger, client, token, stopped)
    ledger.operations += 1
  }
}

/** Asks until there is an answer, as a client does that lost one. */
async function refreshed(
  lab: Lab,
  ledger: Ledger,
  client: Registered,
  token: string,
  stopped: () => boolean,
): Promise<string | undefined> {
  let answers = 0
  for (let attempt = 0; ; attempt++) {
    if (stopped() && attempt > 100) return token
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
    if (!response || !body || response.status === 503) {
      ledger.retried += 1
      await sleep(20 + 30 * Math.min(attempt, 10))
      continue
    }
    if (response.status === 200) {
      answers += 1
      if (answers > 2) ledger.doubled.push(`a token was good ${answers} times`)
      return body.refresh_token
    }
    ledger.lost.push(`attempt ${attempt}: ${response.status} ${body.error} ${body.error_description}`)
    return undefined
  }
}
