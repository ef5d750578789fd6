/**
 * The whole journey of an MCP client that nobody registered, played with the official SDK: from the first 401 to a
 * revoked token. Every step is shown, and checked: the journey ends at the first one that does not do what it should.
 *
 * Who signs in is left to the caller, and everything on the wire to the SDK; only revocation is sent by hand, because the
 * SDK does not know it.
 */
import {
  auth,
  Client,
  OAuthError,
  refreshAuthorization,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { decodeJwt } from 'jose'
import { DemoClient, type Loopback, loopback } from './client.ts'
import { type Recorder, recorder, show } from './recorder.ts'
import { DEMO_SCOPES } from './server.ts'

export interface JourneyOptions {
  /** The MCP endpoint. */
  readonly url: URL
  readonly print: (line: string) => void
  /** Brings the user to this address, with a browser or without. Resolves when the user is on the way. */
  readonly signIn: (url: URL) => Promise<void>
  /** How long the user may take. */
  readonly patienceSeconds: number
}

export const STEPS = [
  'Discovery',
  'Registration',
  'Sign-in and consent',
  'Tokens',
  'Tool call',
  'Refresh',
  'Step-up',
  'Revocation',
] as const
export type Step = (typeof STEPS)[number]

/** A step that did not do what it should. The message is one sentence that names the step. */
export class JourneyFailed extends Error {
  override readonly name = 'JourneyFailed'
}

/** @throws {JourneyFailed} */
export async function playJourney(options: JourneyOptions): Promise<void> {
  let current: Step = STEPS[0]
  const enter = (step: Step) => {
    if (step === current && step !== STEPS[0]) return
    current = step
    options.print(`${step === STEPS[0] ? '' : '\n'}${STEPS.indexOf(step) + 1}. ${step}`)
  }
  const listener = await loopback()
  // Discovery and registration are one call of the SDK; the body tells them apart.
  const wire = recorder(options.print, (_url, body) => {
    if (typeof body === 'object' && body !== null && 'redirect_uris' in body) enter('Registration')
  })
  const journey = new Journey(options, listener, wire, enter)
  try {
    await journey.play()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new JourneyFailed(`Step ${STEPS.indexOf(current) + 1} (${current}) failed: ${reason}`, { cause: error })
  } finally {
    await journey.end()
    await listener.close()
  }
}

class Journey {
  readonly #options: JourneyOptions
  readonly #listener: Loopback
  readonly #wire: Recorder
  readonly #enter: (step: Step) => void
  readonly #me: DemoClient
  #client = this.#newClient()

  constructor(options: JourneyOptions, listener: Loopback, wire: Recorder, enter: (step: Step) => void) {
    this.#options = options
    this.#listener = listener
    this.#wire = wire
    this.#enter = enter
    this.#me = new DemoClient(listener.redirectUrl)
  }

  async play(): Promise<void> {
    const first = await this.#discoverAndRegister()
    await this.#authorize(first, 'Sign-in and consent')
    const transport = await this.#call()
    await this.#refresh()
    await this.#stepUp(transport)
    await this.#revoke()
  }

  async end(): Promise<void> {
    await this.#client.close()
  }

  async #discoverAndRegister(): Promise<StreamableHTTPClientTransport> {
    this.#enter('Discovery')
    const transport = this.#transport()
    await this.#expectRedirect(this.#client.connect(transport), 401)
    check(this.#me.discovered?.authorizationServerMetadata, 'no authorization server metadata was found')
    check(this.#me.client, 'the client was not registered')
    return transport
  }

  /** Sends the user away and redeems what comes back. */
  async #authorize(transport: StreamableHTTPClientTransport, step: Step): Promise<void> {
    const { print, signIn, patienceSeconds } = this.#options
    this.#enter(step)
    const url = check(this.#me.authorizationUrl, 'the SDK did not ask for a sign-in')
    print(`  > ${url.origin}${url.pathname}, in the browser`)
    show(print, Object.fromEntries(url.searchParams))
    const state = url.searchParams.get('state') ?? ''
    const [answer] = await Promise.all([this.#listener.answer(state, patienceSeconds), signIn(url)])
    print('  < back at the redirect URI')
    show(print, Object.fromEntries(answer))
    if (answer.has('error')) throw new Error(answer.get('error_description') ?? String(answer.get('error')))
    if (step === 'Sign-in and consent') this.#enter('Tokens')
    await transport.finishAuth(answer)
    this.#checkTokens()
  }

  #checkTokens(): void {
    const tokens = check(this.#me.current, 'no tokens were issued')
    const claims = decodeJwt(tokens.access_token)
    this.#options.print('  The access token says')
    show(this.#options.print, claims)
    if (claims.aud !== this.#me.discovered?.resourceMetadata?.resource) {
      throw new Error('the access token is not bound to this server')
    }
    check(tokens.refresh_token, 'no refresh token was issued')
  }

  async #call(): Promise<StreamableHTTPClientTransport> {
    this.#enter('Tool call')
    const transport = this.#transport()
    this.#client = this.#newClient()
    await this.#client.connect(transport)
    const me = JSON.parse(await this.#tool('whoami')) as { client?: unknown; scopes?: unknown }
    if (me.client !== this.#me.client?.client_id) throw new Error('whoami does not name this client')
    if (!Array.isArray(me.scopes) || me.scopes.includes(DEMO_SCOPES.write)) {
      throw new Error(`${DEMO_SCOPES.write} was granted without being asked for`)
    }
    return transport
  }

  async #refresh(): Promise<void> {
    this.#enter('Refresh')
    const before = this.#me.current
    const outcome = await auth(this.#me, { serverUrl: this.#options.url, fetchFn: this.#wire.fetch })
    if (outcome !== 'AUTHORIZED') throw new Error('the refresh token was not accepted')
    const after = check(this.#me.current, 'no tokens were issued')
    if (after.access_token === before?.access_token) throw new Error('the access token is still the same')
    if (after.refresh_token === before?.refresh_token) throw new Error('the refresh token was not rotated')
  }

  async #stepUp(transport: StreamableHTTPClientTransport): Promise<void> {
    this.#enter('Step-up')
    await this.#expectRedirect(this.#tool('add', { a: 20, b: 22 }), 403)
    const scopes = this.#me.authorizationUrl?.searchParams.get('scope')?.split(' ') ?? []
    for (const scope of Object.values(DEMO_SCOPES)) check(scopes.includes(scope), `the client did not ask for ${scope}`)
    await this.#authorize(transport, 'Step-up')
    const sum = await this.#tool('add', { a: 20, b: 22 })
    if (sum !== '42') throw new Error(`20 and 22 make ${sum}`)
  }

  async #revoke(): Promise<void> {
    this.#enter('Revocation')
    const { authorizationServerUrl, authorizationServerMetadata: metadata } = check(this.#me.discovered, 'no metadata')
    const client = check(this.#me.client, 'the client was not registered')
    const refreshToken = check(this.#me.current?.refresh_token, 'there is no refresh token')
    const body = { token: refreshToken, token_type_hint: 'refresh_token', client_id: client.client_id }
    const { revocation_endpoint: named } = (metadata ?? {}) as { revocation_endpoint?: string }
    const endpoint = check(named, 'the metadata names no revocation endpoint')
    const answer = await this.#wire.fetch(endpoint, { method: 'POST', body: new URLSearchParams(body) })
    if (answer.status !== 200) throw new Error(`the revocation endpoint answered with status ${answer.status}`)
    const outcome = await refreshAuthorization(authorizationServerUrl, {
      ...(metadata ? { metadata } : {}),
      clientInformation: client,
      refreshToken,
      fetchFn: this.#wire.fetch,
    }).catch((error: unknown) => error)
    if (!(outcome instanceof OAuthError && outcome.code === 'invalid_grant')) {
      throw new Error('the revoked refresh token was not refused with invalid_grant')
    }
  }

  /** Waits for the SDK to say that the user is needed, after an answer of this status. */
  async #expectRedirect(work: Promise<unknown>, status: 401 | 403): Promise<void> {
    this.#me.authorizationUrl = undefined
    const seen = this.#wire.exchanges.length
    const outcome = await work.then(
      () => new Error(`the server answered without a ${status}`),
      (error: unknown) => error,
    )
    if (!(outcome instanceof UnauthorizedError)) throw outcome
    const challenged = this.#wire.exchanges.slice(seen).find((exchange) => exchange.status === status)
    check(challenged?.challenge, `the server sent no challenge with a ${status}`)
  }

  async #tool(name: string, args: Record<string, unknown> = {}): Promise<string> {
    const { content, isError } = await this.#client.callTool({ name, arguments: args })
    const [first] = content
    if (isError || first?.type !== 'text') throw new Error(`the tool ${name} failed`)
    return first.text
  }

  #transport(): StreamableHTTPClientTransport {
    return new StreamableHTTPClientTransport(this.#options.url, { authProvider: this.#me, fetch: this.#wire.fetch })
  }

  #newClient(): Client {
    return new Client({ name: 'consulate-demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  }
}

function check<T>(value: T | undefined | null | false, otherwise: string): T {
  if (value === undefined || value === null || value === false) throw new Error(otherwise)
  return value
}
