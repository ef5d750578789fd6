/** The bench that the suites of the adapter contract work on: an adapter, a fake IdP, and whole sign-ins between them. */
import { inspect } from 'node:util'
import { expect } from 'chai'
import type { z } from 'zod'
import {
  type AdapterType,
  type Identity,
  type IdpAdapter,
  isLoginRefused,
  type Login,
  type LoginRefused,
  type Refusal,
} from '../../../src/adapter.ts'
import { type FakeIdp, type FakeIdpOptions, fakeIdp } from '../../support/fake-idp.ts'
import { testHost } from '../../support/host.ts'
import { type IdpServer, idpServer } from '../../support/idp-server.ts'
import { newLogin } from '../../support/login.ts'

export interface ContractSubject<Options extends z.ZodType> {
  readonly type: AdapterType<Options>
  /** Options as in the configuration, for the IdP below. */
  readonly options: z.input<Options>
  readonly idp: FakeIdpOptions
  /** Who `idp.user` is. */
  readonly subject: string
}

export interface Bench {
  readonly idp: FakeIdp
  readonly adapter: IdpAdapter
}

/** An adapter and the fake IdP it talks to, by a call of its `fetch`. */
export async function bench<Options extends z.ZodType>(
  { type, options, idp: idpOptions }: ContractSubject<Options>,
  now = () => new Date(),
): Promise<Bench> {
  const idp = await fakeIdp(idpOptions)
  return { idp, adapter: type.open(type.options.parse(options), testHost({ fetch: idp.fetch, now })) }
}

/** The same with real connections between them. Close `server` in the end. */
export async function wireBench<Options extends z.ZodType>({
  type,
  options,
  idp: idpOptions,
}: ContractSubject<Options>): Promise<Bench & { readonly server: IdpServer }> {
  const idp = await fakeIdp(idpOptions)
  const server = await idpServer(idp)
  return { idp, server, adapter: type.open(type.options.parse(options), testHost({ fetch: server.fetch })) }
}

export async function redirectOf(adapter: IdpAdapter, login: Login): Promise<URL> {
  const step = await adapter.start(login)
  if (step.kind !== 'redirect') throw new Error('the first step is no redirect')
  return step.url
}

/** A whole sign-in; `tamper` changes what the browser brings back. */
export async function signIn(
  { idp, adapter }: Bench,
  tamper: (callback: URL) => void = () => {},
  login = newLogin(),
): Promise<Identity> {
  const callback = idp.visit(await redirectOf(adapter, login))
  tamper(callback)
  idp.secrets.push(login.codeVerifier)
  return adapter.finish(login, new Request(callback))
}

/** Awaits a refusal, and that it gives nothing secret away, however deep a logger digs. */
export async function refused(work: Promise<unknown>, idp: FakeIdp, reason?: Refusal): Promise<LoginRefused> {
  const outcome = await work.catch((error: unknown) => error)
  if (!isLoginRefused(outcome)) throw new Error(`expected a refusal, got ${inspect(outcome)}`)
  if (reason) expect(outcome.reason, outcome.message).to.equal(reason)
  const shown = inspect(outcome, { depth: 12, showHidden: true })
  for (const secret of idp.secrets) expect(shown).not.to.contain(secret)
  return outcome
}
