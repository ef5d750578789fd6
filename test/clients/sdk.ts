/**
 * What each version of the official SDK must be able to do with the demo server: the same tests for all. The SDK does
 * everything on the wire; a driver plays the user's browser.
 */
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { DemoClient, type Loopback, loopback } from '../../src/demo/client.ts'
import { Browser, walk } from '../../src/demo/driver.ts'
import { passTime } from '../support/clock.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** A client of some version with one transport. */
export interface SdkClient {
  /** Connects, or rejects when the user is needed. */
  connect(): Promise<void>
  /** Hands over what came back to the redirect URI. */
  finishAuth(answer: URLSearchParams): Promise<void>
  /** The text that the tool answers with. */
  callTool(name: string, args?: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

export interface Sdk {
  readonly name: string
  /** What the SDK throws when the user is needed. */
  readonly UnauthorizedError: new (
    message?: string,
  ) => Error
  /**
   * Whether it answers a 403 insufficient_scope with its refresh token, which cannot bring more scopes, instead of asking
   * the user (typescript-sdk issue 2255). It then gives up, and its host has to start anew without the refresh token.
   */
  readonly refreshesToStepUp: boolean
  open(url: URL, provider: DemoClient): SdkClient
}

export interface Me {
  readonly subject: string
  readonly client: string
  readonly scopes: readonly string[]
}

/** The one text that a tool of the demo server answers with. */
export function textOf(result: unknown): string {
  return answerSchema.parse(result).content[0].text
}

const answerSchema = z.object({
  isError: z.literal(false).optional(),
  content: z.tuple([z.object({ type: z.literal('text'), text: z.string() })]),
})

/** Declares the tests for one version. */
export function testSdk(sdk: Sdk): void {
  describe(sdk.name, function () {
    this.timeout(30_000)

    let issuer: TestIssuer
    let listener: Loopback
    let provider: DemoClient
    let client: SdkClient
    let restoreTime = () => {}

    beforeEach(async () => {
      issuer = await startIssuer()
      listener = await loopback()
      provider = new DemoClient(listener.redirectUrl)
      await connect()
    })
    afterEach(async () => {
      restoreTime()
      restoreTime = () => {}
      await client.close()
      await listener.close()
      await issuer.close()
    })

    /** From nothing to a connected client, with the user's help. */
    async function connect(): Promise<void> {
      client = sdk.open(new URL(`${issuer.url}/demo/mcp`), provider)
      await authorize(client.connect())
      // The transport that was refused is spent.
      await reopen()
    }

    async function reopen(): Promise<void> {
      await client.close()
      client = sdk.open(new URL(`${issuer.url}/demo/mcp`), provider)
      await client.connect()
    }

    /** Waits for the SDK to ask for the user, brings the user through and redeems the answer. */
    async function authorize(refused: Promise<unknown>): Promise<URL> {
      expect(await outcome(refused)).to.be.instanceOf(sdk.UnauthorizedError)
      const url = wanted(provider.authorizationUrl)
      const state = wanted(url.searchParams.get('state'))
      const browser = walk(new Browser(), url, { buttons: { persona: 'ada' } })
      const [answer] = await Promise.all([listener.answer(state, 20), browser])
      await client.finishAuth(answer)
      return url
    }

    const whoami = async () => JSON.parse(await client.callTool('whoami')) as Me
    const accessToken = () => wanted(provider.current).access_token

    it('registers itself, signs the user in and calls a tool', async () => {
      const me = await whoami()
      expect(me.client).to.equal(wanted(provider.client).client_id)
      expect(me.scopes).to.deep.equal(['demo:read'])
      expect(decodeJwt(accessToken())).to.include({ aud: `${issuer.url}/demo/mcp`, iss: issuer.url, sub: me.subject })
    })

    it('refreshes an expired access token without the user', async () => {
      const before = { ...wanted(provider.current) }
      const { subject } = await whoami()
      provider.authorizationUrl = undefined
      restoreTime = passTime((issuer.config.tokens.accessTokenSeconds + 60) * 1000)

      expect((await whoami()).subject).to.equal(subject)
      expect(provider.authorizationUrl).to.equal(undefined)
      expect(accessToken()).to.not.equal(before.access_token)
      expect(wanted(provider.current).refresh_token).to.be.a('string').that.does.not.equal(before.refresh_token)
    })

    it('steps up when a tool needs more, and keeps what it had', async () => {
      const { subject } = await whoami()
      if (sdk.refreshesToStepUp) {
        expect(await outcome(client.callTool('add', { a: 20, b: 22 }))).to.include({ code: 403 })
        const { refresh_token: _, ...kept } = wanted(provider.current)
        provider.current = kept
        await reopen()
      }
      const asked = await authorize(client.callTool('add', { a: 20, b: 22 }))
      expect(wanted(asked.searchParams.get('scope')).split(' ')).to.include.members(['demo:read', 'demo:write'])

      expect(await client.callTool('add', { a: 20, b: 22 })).to.equal('42')
      const me = await whoami()
      expect(me.scopes).to.have.members(['demo:read', 'demo:write'])
      expect(me.subject).to.equal(subject)
    })
  })
}

function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => error,
  )
}

function wanted<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the SDK did not hand over what the test needs')
  return value
}
