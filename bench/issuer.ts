/**
 * Requests a second at the addresses where users wait and where load falls, against an issuer in a process of its own
 * with the embedded store. Each measurement is paired with one of `/favicon.ico`, which passes the whole http layer and
 * nothing behind it, so that figures of a noisy machine can be compared: quote the ratio. `npm run bench`.
 */
import autocannon from 'autocannon'
import { authorizationRequest, obtainTokens, refresh, register } from '../test/support/client.ts'
import { issuerProcess } from '../test/support/process.ts'

const SECONDS = 3
const CONNECTIONS = 16
const ROUNDS = 3
const UNLIMITED = 1_000_000_000

interface Figure {
  readonly rate: number
  /** Milliseconds. */
  readonly p99: number
}

const issuer = await issuerProcess({
  config: (defaults) => ({
    ...defaults,
    log: { level: 'silent' },
    limits: { register: UNLIMITED, authorize: UNLIMITED, token: UNLIMITED, signIn: UNLIMITED },
    registration: { maxClients: UNLIMITED },
  }),
})
await issuer.start()
try {
  const client = await register(issuer.url)
  const registration = {
    method: 'POST' as const,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Bench',
      redirect_uris: ['http://localhost/callback'],
      token_endpoint_auth_method: 'none',
    }),
  }
  const measurements: readonly (readonly [string, () => Promise<Figure>])[] = [
    ['GET metadata', () => load('/.well-known/oauth-authorization-server')],
    ['GET /jwks', () => load('/jwks')],
    ['GET /authorize', () => load(authorizationRequest(issuer.url, client).url.href.slice(issuer.url.length))],
    ['POST /register', () => load('/register', registration)],
    ['POST /token (refresh)', refreshes],
  ]
  console.log(
    `${'what'.padEnd(24)}${'req/s'.padStart(8)}${'p99 ms'.padStart(8)}${'ratio to /favicon.ico'.padStart(24)}`,
  )
  for (const [what, measure] of measurements) {
    const pairs: { figure: Figure; ratio: number }[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const base = await load('/favicon.ico')
      const figure = await measure()
      pairs.push({ figure, ratio: figure.rate / base.rate })
    }
    const [median] = pairs.sort((one, other) => one.ratio - other.ratio).slice(ROUNDS >> 1)
    if (!median) continue
    const { figure, ratio } = median
    console.log(
      `${what.padEnd(24)}${figure.rate.toFixed(0).padStart(8)}${figure.p99.toFixed(0).padStart(8)}${ratio.toFixed(3).padStart(24)}`,
    )
  }
} finally {
  await issuer.remove()
}

async function load(path: string, options: Partial<autocannon.Options> = {}): Promise<Figure> {
  const result = await autocannon({
    url: issuer.url + path,
    connections: CONNECTIONS,
    duration: SECONDS,
    // The server takes 1000 requests on one connection, and autocannon does not heed its `Connection: close`.
    reconnectRate: 500,
    ...options,
  })
  if (result.errors > 0 || result['4xx'] > 0 || result['5xx'] > 0) {
    throw new Error(`${path}: ${result.errors} errors, ${result['4xx']} times 4xx, ${result['5xx']} times 5xx`)
  }
  return { rate: result.requests.average, p99: result.latency.p99 }
}

/** Each of a few clients uses the refresh token that it got last, as clients do. */
async function refreshes(): Promise<Figure> {
  const client = await register(issuer.url)
  const families = await Promise.all(Array.from({ length: CONNECTIONS }, () => obtainTokens(issuer.url, client)))
  const end = performance.now() + SECONDS * 1000
  const times: number[] = []
  await Promise.all(
    families.map(async ({ refresh_token }) => {
      let token = refresh_token
      while (performance.now() < end) {
        const before = performance.now()
        const { status, body } = await refresh(issuer.url, client, token)
        if (status !== 200) throw new Error(`a refresh answered ${status}`)
        times.push(performance.now() - before)
        token = body.refresh_token
      }
    }),
  )
  times.sort((one, other) => one - other)
  return { rate: times.length / SECONDS, p99: times[Math.floor(times.length * 0.99)] ?? 0 }
}
