/** Starts the stand-in for Entra in a process of its own, tells it how to behave, and signs people in there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Fetch } from '../../../src/adapter.ts'
import type { Change, Directory } from './directory.ts'
import type { Seen } from './server.ts'

export * from './directory.ts'

/** Where the process is said to be. */
export interface Cloud {
  readonly authority: string
  readonly graph: string
}

export const GLOBAL: Cloud = { authority: 'https://login.microsoftonline.com', graph: 'https://graph.microsoft.com' }

export interface Entra {
  /** `http://127.0.0.1:<port>`, for what can speak plain http to it: an issuer with `allowInsecure`, a browser. */
  readonly origin: string
  /** Changes what the directory holds and how the service behaves; what is not named stays. */
  set(change: Change<Directory>): Promise<void>
  /** Everything as it was at the start. */
  reset(): Promise<void>
  /** The requests since the start or the last reset. */
  seen(): Promise<Seen[]>
  /** A `fetch` by which the process is found at the hosts of a cloud, and nothing else is. */
  fetchFor(cloud?: Cloud): Fetch
  /** What a browser gets at an authorization URL: where it is sent, or the words of the page it is shown. */
  visit(url: URL): Promise<URL | string>
  stop(): Promise<void>
}

export async function startEntra(): Promise<Entra> {
  const script = fileURLToPath(new URL('./server.ts', import.meta.url))
  // It ends with its standard input, so it cannot outlive this process even when stop is never called.
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)),
    once(child, 'exit').then(() => {
      throw new Error(`Entra did not start: ${complaints}`)
    }),
  ])
  const { origin } = JSON.parse(line) as { origin: string }
  const control = (method: string, body?: string) =>
    fetch(`${origin}/control`, { method, ...(body !== undefined && { body }) }).then((response) => response.json())

  function mapped(input: string | URL, { authority, graph }: Cloud): { url: URL; headers: Record<string, string> } {
    const { origin: asked, pathname, search } = new URL(input)
    if (![authority, graph, origin].includes(asked)) throw new Error(`${asked} is not of this cloud`)
    const clouds = asked === origin ? {} : { 'x-cloud': authority, 'x-graph': graph }
    return { url: new URL(`${origin}${pathname}${search}`), headers: clouds as Record<string, string> }
  }

  return {
    origin,
    async set(change) {
      await control('POST', JSON.stringify(change))
    },
    async reset() {
      await control('DELETE')
    },
    seen: () => control('GET') as Promise<Seen[]>,
    fetchFor:
      (cloud = GLOBAL) =>
      async (input, { method = 'GET', headers = {}, body, signal } = {}) => {
        const at = mapped(input, cloud)
        const request = { method, headers: { ...headers, ...at.headers }, ...(signal && { signal }) }
        return fetch(at.url, { ...request, ...(body !== undefined && { body: body as string }) })
      },
    async visit(url) {
      const at = mapped(url, Object.values(CLOUDS).find(({ authority }) => authority === url.origin) ?? GLOBAL)
      const response = await fetch(at.url, { headers: at.headers, redirect: 'manual' })
      const location = response.headers.get('location')
      return location === null ? response.text() : new URL(location)
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

/** "National clouds", the endpoints of Microsoft Entra ID and of Microsoft Graph. */
export const CLOUDS: Readonly<Record<string, Cloud>> = {
  global: GLOBAL,
  'US Government': { authority: 'https://login.microsoftonline.us', graph: 'https://graph.microsoft.us' },
  'China, operated by 21Vianet': {
    authority: 'https://login.partner.microsoftonline.cn',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
  },
}
