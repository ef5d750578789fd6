/** Starts `upstream-idp.ts` in a process of its own, and signs people in there the way a browser would. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Upstream {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  stop(): Promise<void>
}

/** @param redirectUris the callbacks of the one client, for instance `http://localhost:3000/callback/upstream`. */
export async function startUpstream(redirectUris: readonly string[]): Promise<Upstream> {
  const script = fileURLToPath(new URL('./upstream-idp.ts', import.meta.url))
  // It ends with its standard input, so it cannot outlive this process even when stop is never called.
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...redirectUris], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  const lines = createInterface({ input: child.stdout })
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(child, 'exit').then(() => {
      throw new Error(`the upstream IdP did not start: ${complaints}`)
    }),
  ])
  return {
    ...(JSON.parse(line) as Omit<Upstream, 'stop'>),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

/** What a browser has at the upstream IdP: cookies, and how many login forms it was shown. */
export interface UpstreamBrowser {
  readonly cookies: Map<string, string>
  formsSeen: number
}

export const newUpstreamBrowser = (): UpstreamBrowser => ({ cookies: new Map(), formsSeen: 0 })

/**
 * Follows an authorization URL through the upstream IdP, fills in the login form if one is shown, and answers with the
 * URL of our callback that the browser would open next.
 */
export async function signInUpstream(browser: UpstreamBrowser, start: URL, login: string): Promise<URL> {
  let url = start
  let form: URLSearchParams | undefined
  for (let hops = 0; hops < 10; hops++) {
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form && { method: 'POST', body: form }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value) browser.cookies.set(name, value)
      else browser.cookies.delete(name)
    }
    const location = response.headers.get('location')
    if (location) {
      url = new URL(location, url)
      form = undefined
      if (url.origin !== start.origin) return url
    } else {
      if (response.status !== 200)
        throw new Error(`the upstream IdP answered ${response.status}: ${await response.text()}`)
      browser.formsSeen += 1
      form = new URLSearchParams({ login })
    }
  }
  throw new Error('the upstream IdP never came to an end')
}
