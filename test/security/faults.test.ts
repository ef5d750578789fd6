import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import { Browser, walk } from '../../src/demo/driver.ts'
import { StoreUnavailable } from '../../src/store.ts'
import { authorizationRequest, exchange, obtainTokens, refresh, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { observed } from '../support/observed.ts'

describe('a store that fails in the middle of a request', () => {
  let issuer: TestIssuer
  let countdown = Number.POSITIVE_INFINITY

  before(async () => {
    issuer = await startIssuer({
      store: (store) =>
        observed(store, async () => {
          countdown -= 1
          if (countdown === 0) throw new StoreUnavailable('the engine is away')
        }),
    })
  })
  after(() => issuer.close())

  /** Runs a request with the first, the second, ... verb of the store failing, until none is left to fail. */
  async function failEach(run: () => Promise<{ status: number; body: { error?: string } }>): Promise<number> {
    for (let nth = 1; nth < 50; nth += 1) {
      countdown = nth
      const { status, body } = await run()
      const reached = countdown <= 0
      countdown = Number.POSITIVE_INFINITY
      if (!reached) {
        expect(status).to.equal(200)
        return nth - 1
      }
      expect([nth, status, body.error]).to.deep.equal([nth, 503, 'temporarily_unavailable'])
    }
    throw new Error('there is no end to the verbs of one request')
  }

  it('answers every refresh 503, and none invalid_grant, invalid_client or server_error', async () => {
    const client = await register(issuer.url)
    const verbs = await failEach(async () => {
      const after = countdown
      countdown = Number.POSITIVE_INFINITY
      const { refresh_token } = await obtainTokens(issuer.url, client)
      countdown = after
      return refresh<{ error?: string }>(issuer.url, client, refresh_token)
    })
    expect(verbs).to.be.greaterThan(4)
  })

  it('answers every exchange of a code 503', async () => {
    const client = await register(issuer.url)
    const verbs = await failEach(async () => {
      const after = countdown
      countdown = Number.POSITIVE_INFINITY
      const request = authorizationRequest(issuer.url, client)
      const code = (await signIn(request)).searchParams.get('code') ?? ''
      countdown = after
      return exchange<{ error?: string }>(issuer.url, client, request, code)
    })
    expect(verbs).to.be.greaterThan(4)
  })
})

describe('a slow store', () => {
  it('lets one approved request issue one code, however often its result is fetched at once', async () => {
    let slow = false
    const issuer = await startIssuer({
      store: (store) =>
        observed(store, async () => {
          if (slow) await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
        }),
    })
    const client = await register(issuer.url)
    const request = authorizationRequest(issuer.url, client)
    let resume: URL | undefined
    const browser = new Browser({
      until: (url) => {
        if (url.pathname.startsWith('/authorize/')) resume = new URL(url)
        return resume !== undefined
      },
    })
    await walk(browser, request.url)
    if (!resume) throw new Error('no resume')
    const cookie = browser.cookies.header(resume) ?? ''
    slow = true
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(resume ?? '', { redirect: 'manual', headers: { cookie, accept: 'text/html' } }),
      ),
    )
    await issuer.close()
    const codes = answers.filter(({ headers }) => headers.get('location')?.includes('code='))
    expect(codes).to.have.length(1)
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([303, 400]))
  })
})

describe('an adapter that names a user who cannot be', () => {
  let identity: unknown
  const careless = defineAdapter({
    type: 'careless',
    options: z.strictObject({}),
    open: () => ({
      start: async () => ({ kind: 'form', title: 'Sign in', fields: [] }),
      finish: async () => identity as never,
    }),
  })
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({
      adapters: [careless],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'careless', type: 'careless', name: 'Careless' }] }),
    })
  })
  after(() => issuer.close())

  for (const [title, value] of [
    ['no subject', { claims: {} }],
    ['an undefined subject', { subject: undefined, claims: {} }],
    ['an empty subject', { subject: '', claims: {} }],
    ['a number for a subject', { subject: 7, claims: {} }],
    ['an endless subject', { subject: 'x'.repeat(3_000_000), claims: {} }],
    ['no claims', { subject: 'ada' }],
    ['groups that are no list', { subject: 'ada', claims: { groups: 'admins' } }],
    ['groups that are no texts', { subject: 'ada', claims: { groups: [null, 1] } }],
    ['half a character', { subject: 'ada', claims: { groups: ['\ud800'] } }],
    ['nothing at all', undefined],
  ] as const) {
    it(`is refused with ${title}, and nobody is signed in`, async () => {
      identity = value
      const client = await register(issuer.url)
      const outcome = await signIn(authorizationRequest(issuer.url, client)).catch((error: Error) => error.message)
      expect(outcome).to.be.a('string').that.includes('cannot be trusted')
      expect(await issuer.store.count('Account')).to.equal(0)
    })
  }
})

describe('an address of the engine', () => {
  it('of an interaction takes no parameters', async () => {
    const issuer = await startIssuer()
    const client = await register(issuer.url)
    const { headers } = await fetch(authorizationRequest(issuer.url, client).url, { redirect: 'manual' })
    const uid = headers.get('location')?.split('/').at(-1)
    // The cookie of the browser and not the engine's: the library then looks at the parameters.
    const [cookie = ''] = headers.getSetCookie().filter((each) => each.startsWith('consulate_browser'))
    const response = await fetch(`${issuer.url}/authorize/${uid}?client_id=${client.client_id}&response_type=code`, {
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: cookie.split(';')[0] ?? '' },
    })
    await issuer.close()
    expect(response.status).to.equal(400)
    expect(await response.text()).to.include('no longer open')
  })
})
