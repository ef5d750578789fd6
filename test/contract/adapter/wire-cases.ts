/** What may go wrong on the network between us and an IdP, shown with real connections on loopback. */
import { gzipSync } from 'node:zlib'
import type { Endpoint } from '../../support/fake-idp.ts'
import { type IdpServer, send, type WireFault } from '../../support/idp-server.ts'
import type { Case } from './case.ts'

export interface WireCase extends Omit<Case, 'bend'> {
  readonly bend: (server: IdpServer) => void
  readonly endpoint: Endpoint
}

const PADDING = 'x'.repeat(10_000_000)

/** The very answer, so that nothing but its size is wrong with it. */
async function padded(correct: () => Promise<Response>): Promise<{ answer: Response; text: string }> {
  const answer = await correct()
  return { answer, text: JSON.stringify({ ...((await answer.json()) as object), padding: PADDING }) }
}

/** A 307, which repeats method and body, so that a token request would carry its secret along. */
const redirectTo =
  (target: (path: string) => string): WireFault =>
  ({ request, response }) => {
    response.writeHead(307, { location: target(request.url ?? '') }).end()
  }

const FAULTS: readonly [name: string, words: string, fault: WireFault | 'gone', more?: 'hurried'][] = [
  ['refused', 'refuses connections', 'gone'],
  ['hung-up', 'hangs up without an answer', ({ request }) => void request.socket.destroy()],
  [
    'cut-short',
    'hangs up in the middle of its answer',
    async ({ response, correct }) => {
      const body = new Uint8Array(await (await correct()).arrayBuffer())
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.byteLength })
      response.write(body.subarray(0, body.byteLength / 2), () => response.destroy())
    },
  ],
  ['slow', 'does not answer in time', () => undefined, 'hurried'],
  [
    'slow-body',
    'sends its answer by drops',
    ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
    'hurried',
  ],
  [
    '10-megabytes',
    'sends ten megabytes',
    async ({ response, correct }) => {
      const { answer, text } = await padded(correct)
      await send(answer, response, Buffer.from(text))
    },
  ],
  [
    'gzip-bomb',
    'sends ten megabytes packed into ten kilobytes',
    async ({ response, correct }) => {
      const { answer, text } = await padded(correct)
      answer.headers.set('content-encoding', 'gzip')
      await send(answer, response, gzipSync(text))
    },
  ],
  ['redirect', 'redirects elsewhere', redirectTo((path) => `/elsewhere${path}`)],
  ['redirect-loop', 'redirects in a circle', redirectTo((path) => path)],
]

export function wireCases(endpoints: readonly Endpoint[]): readonly WireCase[] {
  return endpoints.flatMap((endpoint) =>
    FAULTS.map(
      ([name, words, fault, more]): WireCase => ({
        name: `${endpoint}-${name}`,
        words: `an IdP that ${words} at ${endpoint}`,
        outcome: 'unavailable',
        endpoint,
        bend: (server) => {
          if (fault === 'gone') server.gone.add(endpoint)
          else server.faults.set(endpoint, fault)
          if (more) server.hurried.add(endpoint)
        },
      }),
    ),
  )
}
