/** The command line as a process of its own, for what only a process can show: restarts, signals, kill -9. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { ConfigInput } from '../../src/config/schema.ts'
import { developmentConfig, listen } from './issuer.ts'

const CLI = fileURLToPath(new URL('../../src/cli/index.ts', import.meta.url))
const PATIENCE = 30_000

export interface IssuerProcess {
  readonly url: string
  /** Starts it, again after it ended, and resolves when it answers. */
  start(): Promise<void>
  /** Ends it by a signal and resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

export interface ProcessOptions {
  readonly config?: (defaults: ConfigInput, url: string) => ConfigInput
  readonly env?: Record<string, string>
}

export async function issuerProcess(options: ProcessOptions = {}): Promise<IssuerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'consulate-process-'))
  const port = await freePort()
  const url = `http://localhost:${port}`
  const defaults: ConfigInput = {
    ...developmentConfig(url),
    listen: { host: 'localhost', port },
    store: { type: 'embedded', path: './data' },
  }
  await writeFile(join(folder, 'consulate.yaml'), stringify(options.config?.(defaults, url) ?? defaults))
  let child: ChildProcess | undefined
  let output = ''

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await gone
  }

  return {
    url,
    stop,
    async start() {
      const started = spawn(
        process.execPath,
        ['--import', 'tsx', CLI, 'serve', '--config', join(folder, 'consulate.yaml')],
        {
          env: { ...process.env, ...options.env },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      child = started
      for (const stream of [started.stdout, started.stderr]) stream?.on('data', (chunk) => (output += chunk))
      const deadline = Date.now() + PATIENCE
      while (!(await answers(`${url}/healthz`))) {
        if (started.exitCode !== null || Date.now() > deadline) throw new Error(`the issuer did not start:\n${output}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async remove() {
      await stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
