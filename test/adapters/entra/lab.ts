/** The Entra adapter in front of the stand-in process: sign-ins and re-checks between them, and what was refused. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import type { z } from 'zod'
import type { entraOptions } from '../../../adapters/entra/options.ts'
import { entra } from '../../../adapters/entra.ts'
import {
  type Fetch,
  type Hints,
  type Host,
  type Identity,
  type IdpAdapter,
  isLoginRefused,
  type LoginRefused,
  type Refusal,
} from '../../../src/adapter.ts'
import { CLIENT_ID, type Cloud, type Entra, GLOBAL, SECRET, startEntra, TENANT } from '../../support/entra/index.ts'
import { testHost } from '../../support/host.ts'
import { newLogin } from '../../support/login.ts'

export * from '../../support/entra/index.ts'

export type Options = Partial<z.input<typeof entraOptions>>

export interface Opened {
  readonly adapter: Required<Omit<IdpAdapter, 'exchange' | 'loggedOut' | 'refresh'>> & Pick<IdpAdapter, 'refresh'>
  /** Every warning, as `code: message`. */
  readonly warnings: string[]
}

export interface Lab {
  readonly entra: Entra
  open(options?: Options, host?: Partial<Host>, cloud?: Cloud): Opened
}

/** One process for the suite that calls this, as new before each test. */
export function entraLab(): Lab {
  let process: Entra
  before(async () => {
    process = await startEntra()
  })
  beforeEach(() => process.reset())
  after(() => process.stop())
  return {
    get entra() {
      return process
    },
    open(options = {}, host = {}, cloud = GLOBAL) {
      const warnings: string[] = []
      const credential = options.credentials ? {} : { clientSecret: SECRET }
      const parsed = entra.options.parse({ tenant: TENANT, clientId: CLIENT_ID, ...credential, ...options })
      const adapter = entra.open(
        parsed,
        testHost({
          fetch: process.fetchFor(cloud),
          warn: (code, message) => warnings.push(`${code}: ${message}`),
          ...host,
        }),
      )
      return { adapter: adapter as Opened['adapter'], warnings }
    },
  }
}

/** A whole sign-in of whoever the hints name; `tamper` changes what the browser brings back. */
export async function signIn(
  { entra: idp }: Lab,
  { adapter }: Opened,
  hints: Hints = {},
  tamper: (callback: URL) => void = () => {},
): Promise<Identity> {
  const login = newLogin(hints)
  const step = await adapter.start(login)
  if (step.kind !== 'redirect') throw new Error('the first step is no redirect')
  const callback = await idp.visit(step.url)
  if (!(callback instanceof URL)) throw new Error(`Entra shows a page: ${callback}`)
  tamper(callback)
  return adapter.finish(login, new Request(callback))
}

/** Awaits a refusal for a reason, one that gives no token, code or secret away. */
export async function refused(
  work: Promise<unknown> | undefined,
  reason: Refusal,
  words?: RegExp,
): Promise<LoginRefused> {
  const outcome = await work?.catch((error: unknown) => error)
  if (!isLoginRefused(outcome)) throw new Error(`expected a refusal, got ${inspect(outcome)}`)
  expect(outcome.reason, outcome.message).to.equal(reason)
  if (words) expect(outcome.message).to.match(words)
  const shown = inspect(outcome, { depth: 12, showHidden: true })
  expect(shown).not.to.contain(SECRET)
  expect(shown).not.to.match(/eyJ[\w-]+\.|BEGIN|refresh_token=/)
  return outcome
}

/** A `fetch` for which the discovery document says something else. */
export function discovering(fetch: Fetch, change: Record<string, string>): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init)
    if (!String(url).endsWith('/.well-known/openid-configuration')) return response
    return Response.json({ ...((await response.json()) as object), ...change })
  }
}

export interface KeyPem {
  readonly certificate: string
  readonly privateKey: string
}

/** A self-signed certificate and its key, made by openssl. */
export function newCertificate(days = 365, kind = 'rsa:2048'): KeyPem {
  const folder = mkdtempSync(join(tmpdir(), 'consulate-entra-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const args = `req -x509 -newkey ${kind} -nodes -subj /CN=consulate -days ${days} -keyout ${key} -out ${cert}`
    execFileSync('openssl', args.split(' '), { stdio: 'ignore' })
    return { certificate: readFileSync(cert, 'utf8'), privateKey: readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
