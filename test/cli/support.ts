/** The real command line in a process and a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/cli/index.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export class Workplace {
  readonly folder: string
  readonly #children: ChildProcess[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'consulate-cli-')))
  }

  write(name: string, content: string | object): Promise<void> {
    return writeFile(join(this.folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }

  start(args: readonly string[], env: Record<string, string> = {}): Program {
    const { CONSULATE_CONFIG: _, ...inherited } = process.env
    const options = { cwd: this.folder, env: { ...inherited, ...env } }
    const child = spawn(process.execPath, ['--import', TSX, CLI, ...args], options)
    this.#children.push(child)
    return new Program(child)
  }

  run(args: readonly string[], env?: Record<string, string>): Promise<Ended> {
    return this.start(args, env).ended
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(this.folder, { recursive: true, force: true })
  }
}

export class Program {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #out = ''
  #err = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#out += chunk.toString()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#err += chunk.toString()
    })
    this.ended = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      out: this.#out,
      err: this.#err,
    }))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Resolves with everything on standard error as soon as it holds `text`; rejects when the program ends before. */
  saysOnError(text: string): Promise<string> {
    return this.#until(this.#child.stderr, () => this.#err, text)
  }

  /** The same for standard output. */
  says(text: string): Promise<string> {
    return this.#until(this.#child.stdout, () => this.#out, text)
  }

  async #until(stream: NodeJS.ReadableStream | null, so: () => string, text: string): Promise<string> {
    let ended = false
    const end = this.ended.then(() => {
      ended = true
    })
    while (!so().includes(text)) {
      if (ended || stream === null) throw new Error(`ended without saying "${text}":\n${this.#out}\n${this.#err}`)
      await Promise.race([once(stream, 'data'), end])
    }
    return so()
  }
}

/** A port that was free a moment ago, on 127.0.0.1 and on [::1]. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** What a program printed on standard error, without the notice of oidc-provider about old versions of Node. */
export function ownLines(err: string): string[] {
  return err.split('\n').filter((line) => line !== '' && !line.includes('Unsupported runtime'))
}
