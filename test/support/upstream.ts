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
