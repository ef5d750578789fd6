/** `consulate demo`: plays the journey of `src/demo/journey.ts` against a running issuer, or starts one for it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { parseUrl } from '../url.ts'

/** Starts an issuer in development mode. Resolves when it listens. */
export type StartIssuer = (options: { readonly port: number; readonly dataPath: string }) => Promise<StartedIssuer>

export interface StartedIssuer {
  /** The issuer identifier. The demo server is below it, at `/demo/mcp`. */
  readonly url: string
  close(): Promise<void>
}

interface Options {
  readonly url?: string
  readonly start?: boolean
  readonly auto?: boolean
  readonly persona?: string
}

const DEFAULT_URL = 'http://localhost:3000/demo/mcp'
const PATIENCE_SECONDS = 300
const PROBE_MS = 3_000

export function demoCommand(start: StartIssuer): Command {
  return new Command('demo')
    .description('play the whole journey of an MCP client, step by step')
    .option('--url <url>', `the MCP endpoint; without it ${DEFAULT_URL}, or an issuer started for the demo`)
    .addOption(new Option('--start', 'start an issuer for the demo, even when one is running').conflicts('url'))
    .option('--auto', 'sign in and approve without a person (development sign-in only)')
    .option('--persona <name>', 'with --auto: who signs in')
    .action(async (options: Options) => {
      await demo(options, start)
      console.log('\nEvery step did what it should.')
    })
}

async function demo(options: Options, start: StartIssuer): Promise<void> {
  if (!options.start) {
    const wanted = options.url ?? DEFAULT_URL
    if (!parseUrl(wanted)) throw new Error(`--url is not a URL: ${wanted}`)
    if (await answers(wanted)) return play(new URL(wanted), options)
    if (options.url) throw new Error(`Nothing answers at ${wanted}.`)
    console.log(`Nothing answers at ${DEFAULT_URL}.`)
  }
  console.log('An issuer is started for this demo, with data that is deleted afterwards.')
  const dataPath = await mkdtemp(join(tmpdir(), 'consulate-demo-'))
  try {
    const issuer = await start({ port: await freePort(), dataPath })
    try {
      await play(new URL(`${issuer.url}/demo/mcp`), options)
    } finally {
      await issuer.close()
    }
  } finally {
    await rm(dataPath, { recursive: true, force: true })
  }
}

async function play(url: URL, options: Options): Promise<void> {
  // Here and not above: it brings the MCP SDK, for which no other command should wait.
  const { playJourney } = await import('../demo/journey.ts')
  console.log(`An MCP client connects to ${url.href}\n`)
  return playJourney({
    url,
    print: (line) => console.log(line),
    signIn: options.auto ? (to) => drive(to, options.persona) : sendUser,
    patienceSeconds: PATIENCE_SECONDS,
  })
}

/** Opens the user's browser. Not every machine has one, so the address is shown as well. */
async function sendUser(url: URL): Promise<void> {
  console.log(`\n  Open this address in your browser if it does not open by itself:\n  ${url.href}\n`)
  const { default: open } = await import('open')
  const child = await open(url.href)
  child.once('error', () => console.log('  No browser could be opened.'))
}

async function drive(url: URL, persona: string | undefined): Promise<void> {
  const { Browser, walk } = await import('../demo/driver.ts')
  const browser = new Browser()
  await walk(browser, url, {
    ...(persona === undefined ? {} : { buttons: { persona } }),
    onPage: (page, button) =>
      console.log(`  . page “${page.title}”${button ? `: pressed ${button.name} ${button.value}` : ''}`),
  })
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })
    await response.body?.cancel()
    return true
  } catch {
    return false
  }
}

/** A port that was free a moment ago. The issuer must know its own before it listens, because it is part of its name. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
