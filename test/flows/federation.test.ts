import { expect } from 'chai'
import { Browser, walk } from '../../src/demo/driver.ts'
import {
  authorizationRequest,
  browserFor,
  exchange,
  obtainTokens,
  type Registered,
  register,
  signIn,
} from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

describe('federated sign-in at a second process', function () {
  this.timeout(60_000)
  let issuer: TestIssuer
  let upstream: Upstream
  let client: Registered

  before(async () => {
    // The callbacks must be registered before the port of the issuer is known, so the issuer starts twice.
    const probe = await startIssuer()
    const { port } = new URL(probe.url)
    await probe.close()
    upstream = await startUpstream(['company', 'partner'].map((idp) => `http://localhost:${port}/callback/${idp}`))
    issuer = await startIssuer({
      port: Number(port),
      config: (defaults, url) => ({
        ...defaults,
        idps: ['company', 'partner'].map((id) => ({
          id,
          type: 'oidc',
          name: id === 'company' ? 'The Company' : 'The Partner',
          issuer: upstream.issuer,
          clientId: upstream.clientId,
          clientSecret: upstream.clientSecret,
          allowInsecure: true,
        })),
        resources: [
          { ...(defaults.resources?.[0] as never as object), idps: ['company'] } as never,
          {
            resource: `${url}/shared/mcp`,
            name: 'Shared server',
            scopes: { 'shared:use': 'Use the shared server' },
            defaultScopes: ['shared:use'],
          },
        ],
      }),
    })
    client = await register(issuer.url)
  })
  after(async () => {
    await issuer.close()
    await upstream.stop()
  })

  const ADA = { texts: { login: 'ada' } }

  it('carries a user from the consent page to the IdP and back, with name and groups', async () => {
    const pages: string[] = []
    const { access_token } = await obtainTokens(
      issuer.url,
      client,
      {},
      { ...ADA, onPage: (page) => pages.push(page.title) },
    )
    expect(pages).to.have.length(2)
    expect(pages[0]).to.include('Test client')
    expect(pages[1]).to.equal('Upstream sign-in')
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).to.deep.include({ name: 'Ada Lovelace', groups: ['engineering', 'admins'] })
  })

  it('says on the consent page where Approve leads', async () => {
    const request = authorizationRequest(issuer.url, client)
    const { page } = await browserFor(request).open(request.url)
    expect(page?.html).to.include('The Company')
  })

  it('asks for approval again although the IdP remembers the user', async () => {
    const first = authorizationRequest(issuer.url, client)
    const browser = browserFor(first)
    await signIn(first, ADA, browser)
    const other = await register(issuer.url, { client_name: 'Newcomer' })
    const titles: string[] = []
    await signIn(authorizationRequest(issuer.url, other), { onPage: (page) => titles.push(page.title) }, browser)
    expect(titles).to.have.length(1)
    expect(titles[0]).to.include('Newcomer')
  })

  it('sends the IdP no resource, no scope and no redirect URI of the client, and always PKCE, state and nonce', async () => {
    const sent: URL[] = []
    const request = authorizationRequest(issuer.url, client, {
      scope: 'demo:write',
      login_hint: 'ada@example.com',
      prompt: 'login',
    })
    const browser = new Browser({
      until: (url) => url.href.startsWith(request.redirectUri),
      onRequest: (_method, url) => sent.push(new URL(url)),
    })
    await signIn(request, ADA, browser)
    const upstreamRequest = sent.find(
      ({ origin, pathname }) => origin === new URL(upstream.issuer).origin && pathname === '/auth',
    )
    const parameters = Object.fromEntries(upstreamRequest?.searchParams ?? [])
    expect(parameters).to.include({
      client_id: upstream.clientId,
      code_challenge_method: 'S256',
      redirect_uri: `${issuer.url}/callback/company`,
      scope: 'openid profile email',
      login_hint: 'ada@example.com',
      prompt: 'login',
    })
    expect(parameters).to.include.keys('state', 'nonce', 'code_challenge')
    expect(parameters).to.not.have.property('resource')
    expect(upstreamRequest?.search).to.not.include('demo')
  })

  describe('with several IdPs', () => {
    it('lets the user choose, and the same person from two IdPs is two accounts', async () => {
      const subjects = new Set<string>()
      for (const idp of ['company', 'partner']) {
        const titles: string[] = []
        const request = authorizationRequest(issuer.url, client, { resource: `${issuer.url}/shared/mcp` })
        const back = await signIn(request, { ...ADA, buttons: { idp }, onPage: (page) => titles.push(page.title) })
        expect(titles).to.have.length(3)
        const { body } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '', {
          resource: `${issuer.url}/shared/mcp`,
        })
        subjects.add(JSON.parse(Buffer.from(body.access_token.split('.')[1] ?? '', 'base64url').toString()).sub)
      }
      expect(subjects.size).to.equal(2)
    })

    it('does not let a form choose one that the server does not allow', async () => {
      const request = authorizationRequest(issuer.url, client)
      const browser = browserFor(request)
      const { page } = await browser.open(request.url)
      const [consent] = page?.forms ?? []
      if (!page || !consent) throw new Error('no consent page')
      const until = new Browser({ until: ({ pathname }) => pathname.endsWith('/sign-in') })
      Object.assign(until, { cookies: browser.cookies })
      await until.submit(page, consent, { name: 'decision', value: 'approve' })
      const response = await fetch(`${page.url.href}/choose`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: browser.cookies.header(page.url) ?? '', accept: 'text/html' },
        body: new URLSearchParams({ ...consent.values, idp: 'partner' }),
      })
      expect(response.status).to.equal(400)
    })
  })

  describe('at the callback', () => {
    /** A browser that approved and signed in, and stands before the callback. */
    async function beforeCallback() {
      const request = authorizationRequest(issuer.url, client)
      let callback: URL | undefined
      const browser = new Browser({
        until: (url) => {
          if (url.origin === issuer.url && url.pathname.startsWith('/callback/')) callback = new URL(url)
          return callback !== undefined
        },
      })
      await walk(browser, request.url, ADA)
      if (!callback) throw new Error('no callback')
      return { request, browser, callback }
    }

    const open = async (browser: Browser, url: URL | string) => {
      const cookie = browser.cookies.header(new URL(url))
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { accept: 'text/html', ...(cookie ? { cookie } : {}) },
      })
      return { status: response.status, html: await response.text(), headers: response.headers }
    }

    it('refuses a browser that did not approve, and leaves the sign-in to the one that did', async () => {
      const { browser, callback } = await beforeCallback()
      const victim = await open(new Browser(), callback)
      expect(victim.status).to.equal(403)
      expect(victim.headers.getSetCookie()).to.deep.equal([])
      expect((await open(browser, callback)).status).to.equal(303)
    })

    it('refuses the cookie of another sign-in of the same browser', async () => {
      const mine = await beforeCallback()
      const other = await beforeCallback()
      const cookie = mine.browser.cookies.header(mine.callback)?.replace(/consulate_login_[^=]+/, '')
      const response = await fetch(other.callback, { redirect: 'manual', headers: { cookie: cookie ?? '' } })
      expect(response.status).to.equal(403)
    })

    it('is open once', async () => {
      const { browser, callback } = await beforeCallback()
      const cookie = browser.cookies.header(callback) ?? ''
      const again = () => fetch(callback, { redirect: 'manual', headers: { cookie, accept: 'text/html' } })
      const answers = await Promise.all(Array.from({ length: 10 }, again))
      expect(answers.filter(({ status }) => status === 303)).to.have.length(1)
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([303, 400]))
    })

    it('refuses the answer for one IdP at the callback of another (mix-up), and does not spend it', async () => {
      const { browser, callback } = await beforeCallback()
      const other = new URL(`/callback/partner${callback.search}`, callback)
      expect((await open(browser, other)).status).to.equal(400)
      expect((await open(browser, callback)).status).to.equal(303)
    })

    for (const [title, change] of [
      ['another state', (url: URL) => url.searchParams.set('state', 'x')],
      ['two states', (url: URL) => url.searchParams.append('state', 'x')],
      ['no state', (url: URL) => url.searchParams.delete('state')],
      ['another code', (url: URL) => url.searchParams.set('code', 'x')],
      ['two codes', (url: URL) => url.searchParams.append('code', 'x')],
      ['no code', (url: URL) => url.searchParams.delete('code')],
      ['another iss', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ] as const) {
      it(`refuses ${title}`, async () => {
        const { browser, callback } = await beforeCallback()
        change(callback)
        const { status, html, headers } = await open(browser, callback)
        expect(status).to.be.within(400, 499)
        expect(headers.get('location')).to.equal(null)
        expect(html).to.not.include('at Object.')
      })
    }

    it('ends after ten minutes', async () => {
      const { browser, callback } = await beforeCallback()
      issuer.advance(601_000)
      const { status } = await open(browser, callback)
      issuer.advance(-601_000)
      expect(status).to.equal(400)
    })

    it('tells the client when the user declined at the IdP, by a page with the way back', async () => {
      const { browser, callback, request } = await beforeCallback()
      callback.searchParams.delete('code')
      callback.searchParams.set('error', 'access_denied')
      const { status, html } = await open(browser, callback)
      expect(status).to.equal(403)
      expect(html).to.include('declined').and.to.include('error=access_denied')
      expect(html).to.include(`state=${request.state}`)
    })
  })

  it('explains an IdP that is down and keeps everything else running', async () => {
    const down = await startIssuer({
      config: (defaults) => ({
        ...defaults,
        idps: [
          { id: 'away', type: 'oidc', name: 'Away', issuer: 'http://localhost:9', clientId: 'x', allowInsecure: true },
        ],
      }),
    })
    const who = await register(down.url)
    const failed = await signIn(authorizationRequest(down.url, who)).catch((error: Error) => error.message)
    const metadata = await fetch(`${down.url}/.well-known/oauth-authorization-server`)
    await down.close()
    expect(failed).to.include('503').and.to.include('identity provider does not answer')
    expect(metadata.status).to.equal(200)
  })
})
