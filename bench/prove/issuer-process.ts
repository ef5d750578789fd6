/** One issuer of a build, to be started, killed and measured. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { WriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** Milliseconds in which an issuer listens or ends; one that does neither would keep a proof waiting for good. */
const START_MS = 20_000
const CLI = fileURLToPath(new URL('../../dist/src/cli/index.js', import.meta.url))

export class IssuerProcess {
  readonly port: number
  readonly #config: string
  readonly #log: WriteStream
  #child: ChildProcess | undefined
  /** Milliseconds that each start took to open its store, and to take requests. */
  readonly opened: number[] = []
  readonly started: number[] = []

  constructor(port: number, config: string, log: WriteStream) {
    this.port = port
    this.#config = config
    this.#log = log
    // However this process ends, it leaves nothing behind.
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  /** @throws {Error} when it ends before it listens, does neither within 20 seconds, or does not say how long its store took to open */
  async start(): Promise<void> {
    const began = performance.now()
    const child = spawn(process.execPath, [CLI, 'serve', '--config', this.#config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let out = ''
    // Why it did not start stands there, and the log may be gone with the lab that did not open.
    let complaints = ''
    child.stderr.on('data', (chunk) => {
      this.#log.write(chunk)
      complaints = (complaints + chunk).slice(-4000)
    })
    let deadline: NodeJS.Timeout | undefined
    const late = () =>
      new Error(`an issuer neither listened nor ended within ${START_MS / 1000} s:\n${out}${complaints}`)
    const listening = new Promise<void>((resolve, reject) => {
      deadline = setTimeout(() => reject(late()), START_MS)
      // Not `exit`: what it said last may come after that.
      child.once('close', () => reject(new Error(`an issuer did not start:\n${out}${complaints}`)))
      child.stdout.on('data', (chunk) => {
        this.#log.write(chunk)
        if (child.exitCode !== null || out.includes('"listening"')) return
        out += chunk
        if (out.includes('"listening"')) resolve()
      })
    })
    try {
      await listening
    } catch (error) {
      // Nobody would end it: whoever tries again begins another one.
      await this.stop('SIGKILL')
      throw error
    } finally {
      clearTimeout(deadline)
    }
    this.started.push(performance.now() - began)
    const line = out.split('\n').find((each) => each.includes('"store opened"'))
    const ms: unknown = line && JSON.parse(line).ms
    if (typeof ms !== 'number') {
      await this.stop('SIGKILL')
      throw new Error(`an issuer did not log how many ms its store took to open (“store opened”):\n${out}`)
    }
    this.opened.push(ms)
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  /** Megabytes of memory in use; not a number when it has ended. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.#child?.pid}/status`, 'utf8').catch(() => '')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  }
}
