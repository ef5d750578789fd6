/** Official clients as processes of their own, each with a home of its own, and the user in front of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Browser, type Choices, walk } from '../../src/demo/driver.ts'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A home folder without any history, and the processes that live in it. */
export class Home {
  readonly folder: string
  readonly #children: ChildProcess[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), 'consulate-client-')))
  }

  /** An environment in which nothing of this machine's user is found, and no browser window opens. */
  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: process.env.PATH ?? '', HOME: this.folder, BROWSER: 'true', ...more }
  }

  /**
   * Runs a program to its end, with a user who follows what it prints and types `input`.
   * @throws {Error} when a sign-in fails
   */
  async run(
    user: User,
    [command, ...args]: readonly [string, ...string[]],
    options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
  ): Promise<Ended> {
    const child = spawn(command, args, { cwd: this.folder, env: this.environment(options.env) })
    this.#children.push(child)
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    user.follow(child.stdout)
    user.follow(child.stderr)
    child.stdin.end(options.input)
    const closed = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }))
    return Promise.race([closed, user.stuck])
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

/** Opens each authorization request of an issuer that a program prints, signs in and approves. */
export class User {
  /** The authorization requests that were opened. */
  readonly visits: URL[] = []
  /** Rejects with the reason when a sign-in fails; never resolves. */
  readonly stuck: Promise<never>
  readonly #issuer: string
  readonly #choices: Choices
  #fail: (reason: unknown) => void = () => {}

  constructor(issuer: string, choices: Choices = { buttons: { persona: 'ada' } }) {
    this.#issuer = issuer
    this.#choices = choices
    this.stuck = new Promise((_resolve, reject) => {
      this.#fail = reject
    })
    // Whoever waits for the program learns of it; without one there is nobody to tell.
    this.stuck.catch(() => {})
  }

  follow(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      const found = line.split(/\s+/).find((word) => word.startsWith(`${this.#issuer}/authorize?`))
      if (found && !this.visits.some(({ href }) => href === found)) this.#visit(new URL(found))
    })
  }

  #visit(url: URL): void {
    this.visits.push(url)
    walk(new Browser(), url, this.#choices).catch(this.#fail)
  }
}
