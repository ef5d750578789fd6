/** R1 and R2: one code, one refresh token, and a thousand requests for it at once. */
import { authorizationRequest, obtainTokens, register, signIn } from '../../test/support/client.ts'
import { openLab, type StoreName, sleep } from './lab.ts'
import { type Answered, Direct, tally } from './requests.ts'

const PROCESSES = 4
const EACH = 250
/** Races before those that count: issuers and engine compile what they run, and are slow until then. */
const WARM_UP = 3

export interface Proof {
  readonly ok: boolean
  readonly figures: readonly string[]
}

const everywhere = (call: (process: number) => Promise<Answered>) =>
  Promise.all(Array.from({ length: PROCESSES * EACH }, (_, n) => call(n % PROCESSES)))

export async function proveCodes(store: StoreName, scale: number): Promise<Proof> {
  const rounds = Math.max(1, Math.round(200 * scale))
  const lab = await openLab({ store, processes: PROCESSES })
  const direct = new Direct(lab, EACH)
  const total: Record<string, number> = {}
  const warmUp: Record<string, number> = {}
  let failed = 0
  try {
    const client = await register(lab.url)
    const race = async () => {
      const request = authorizationRequest(lab.url, client)
      const code = (await signIn(request)).searchParams.get('code') ?? ''
      const form = {
        grant_type: 'authorization_code',
        client_id: client.client_id,
        code,
        redirect_uri: request.redirectUri,
        code_verifier: request.verifier,
        resource: `${lab.url}/demo/mcp`,
      }
      return tally(await everywhere((process) => direct.post(process, '/token', form)))
    }
    for (let n = 0; n < WARM_UP; n++) {
      const counts = await race()
      // Being slow is forgiven then, and nothing else.
      if ((counts['200'] ?? 0) > 1) failed += 1
      add(warmUp, counts)
    }
    for (let round = 0; round < rounds; round++) {
      const counts = await race()
      if (counts['200'] !== 1 || counts['400 invalid_grant'] !== PROCESSES * EACH - 1) {
        failed += 1
        console.error(`round ${round}: ${JSON.stringify(counts)}`)
      }
      add(total, counts)
    }
  } finally {
    await direct.close()
    await lab.close()
  }
  return {
    ok: failed === 0,
    figures: [
      `${rounds} rounds, ${PROCESSES} x ${EACH} exchanges each: ${JSON.stringify(total)}`,
      `before them, while all was cold, ${WARM_UP} that may have been slow: ${JSON.stringify(warmUp)}`,
      `${failed} rounds wrong`,
    ],
  }
}

/** Seconds. Short, because each round waits for its end. */
const WINDOW = 5

export async function proveRefreshes(store: StoreName, scale: number): Promise<Proof> {
  const rounds = Math.max(1, Math.round(50 * scale))
  const lab = await openLab({ store, processes: PROCESSES, tokens: { refreshReuseSeconds: WINDOW } })
  const direct = new Direct(lab, EACH)
  const total: Record<string, number> = {}
  const wrong: string[] = []
  let slowestEnd = 0
  const races: number[] = []
  try {
    const client = await register(lab.url)
    const form = (token: string) => ({
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: token,
    })
    for (let n = 0; n < WARM_UP; n++) {
      const { refresh_token } = await obtainTokens(lab.url, client)
      const counts = tally(await everywhere((process) => direct.post(process, '/token', form(refresh_token))))
      if ((counts['200'] ?? 0) > 2) wrong.push(`before round 0: ${JSON.stringify(counts)}`)
    }
    for (let round = 0; round < rounds; round++) {
      const note = (what: string) => wrong.push(`round ${round}: ${what}`)
      const { refresh_token } = await obtainTokens(lab.url, client)
      const began = performance.now()
      const answers = await everywhere((process) => direct.post(process, '/token', form(refresh_token)))
      const endedAt = performance.now()
      const raced = endedAt - began
      races.push(raced)
      const counts = tally(answers)
      add(total, counts)
      const good = answers.filter(({ status }) => status === 200)
      const others = answers.filter(({ status }) => status !== 200)
      if (good.length < 1 || good.length > 2) note(`${good.length} successes`)
      if (others.some(({ status, body }) => status !== 400 || body.error !== 'invalid_grant'))
        note(JSON.stringify(counts))
      // A refusal after the window ends the family, as it should; the race must have been shorter to be judged.
      if (raced > WINDOW * 1000) {
        note(`the race took ${Math.round(raced)} ms, longer than the window`)
        continue
      }
      const alive = await direct.post(round, '/token', form(String(good[0]?.body.refresh_token)))
      if (alive.status !== 200) note('the family is dead')
      // From its end: the first use was somewhere in the race.
      await sleep(WINDOW * 1000 - (performance.now() - endedAt) + 200)
      const replay = await direct.post(round + 1, '/token', form(refresh_token))
      if (replay.status !== 400) note(`the replay answered ${replay.status}`)
      const ended = performance.now()
      const after = await Promise.all(
        lab.issuers.map((_, process) => direct.post(process, '/token', form(String(alive.body.refresh_token)))),
      )
      slowestEnd = Math.max(slowestEnd, performance.now() - ended)
      if (after.some(({ status }) => status !== 400)) note('the family lives on after the replay')
    }
  } finally {
    await direct.close()
    await lab.close()
  }
  for (const line of wrong) console.error(line)
  return {
    ok: wrong.length === 0 && slowestEnd < 1000,
    figures: [
      `${rounds} rounds, ${PROCESSES * EACH} refreshes of one token each: ${JSON.stringify(total)}`,
      `a race took ${Math.round(races.sort((a, b) => a - b)[races.length >> 1] ?? 0)} ms in the median, ${Math.round(races.at(-1) ?? 0)} at most`,
      `family dead on all ${PROCESSES} processes ${Math.round(slowestEnd)} ms after the replay at most`,
      `${wrong.length} mistakes`,
    ],
  }
}

function add(total: Record<string, number>, counts: Record<string, number>): void {
  for (const [key, count] of Object.entries(counts)) total[key] = (total[key] ?? 0) + count
}
