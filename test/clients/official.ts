/** Official clients as processes of their own, each with a home of its own, and the user in front of them. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Browser, walk } from '../../src/demo/driver.ts'
import { type Ended, Program } from '../cli/support.ts'

/** A home folder without any history, and the programs that live in it. */
export class Home {
  readonly folder: string
  readonly #programs: Program[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), 'consulate-client-')))
  }

  /** An environment in which a program finds nothing of the person who runs the tests, and opens no browser window. */
  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: process.env.PATH ?? '', HOME: this.folder, BROWSER: 'true', ...more }
  }

  /**
   * Runs a program to its end, in front of a user who follows what it prints.
   * @throws {Error} when the user is stuck in a sign-in
   */
  async run(
    user: User,
    [command, ...args]: readonly [string, ...string[]],
    options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
  ): Promise<Ended> {
    const child = spawn(command, args, { cwd: this.folder, env: this.environment(options.env) })
    const program = new Program(child)
    this.#programs.push(program)
    user.follow(child.stdout)
    user.follow(child.stderr)
    child.stdin.end(options.input)
    return Promise.race([program.ended, user.stuck])
  }

  /** Ends what still runs and removes the folder. */
  async close(): Promise<void> {
    for (const program of this.#programs) program.signal('SIGKILL')
    await Promise.all(this.#programs.map(({ ended }) => ended))
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Opens each authorization request of an issuer that a program prints, approves and signs in. */
export class User {
  /** The authorization requests that were opened. */
  readonly visits: URL[] = []
  /** Rejects with the reason when a sign-in fails; never resolves. */
  readonly stuck: Promise<never>
  readonly #issuer: string
  #fail: (reason: unknown) => void = () => {}

  constructor(issuer: string) {
    this.#issuer = issuer
    this.stuck = new Promise((_resolve, reject) => {
      this.#fail = reject
    })
    // It is for those who wait for a program; when nobody does, the reason is of no interest.
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
    signIn(url).catch(this.#fail)
  }
}

/** How long a program may take to listen at its redirect URI. Milliseconds. */
const PATIENCE = 15_000

async function signIn(url: URL): Promise<void> {
  const { origin, pathname } = new URL(url.searchParams.get('redirect_uri') ?? '')
  const browser = new Browser({ until: (next) => next.origin === origin && next.pathname === pathname })
  const { url: back, page } = await walk(browser, url, { buttons: { persona: 'ada' } })
  if (page) throw new Error(`the sign-in ended at “${page.title}”`)
  // mcp-remote opens the browser for a step-up before it listens. No person is fast enough to notice.
  const deadline = Date.now() + PATIENCE
  let answer = await arrive(back)
  while (!answer && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = await arrive(back)
  }
  if (!answer?.ok) throw new Error(`the redirect URI answered with ${answer?.status ?? 'nothing'}`)
}

/** @returns undefined when nobody listens */
async function arrive(url: URL): Promise<Response | undefined> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) }).catch((error: unknown) => {
    if ((error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED') return undefined
    throw error
  })
  await answer?.body?.cancel()
  return answer
}
