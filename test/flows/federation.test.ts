import { expect } from 'chai'
import { Browser } from '../../src/demo/driver.ts'
import {
  authorizationRequest,
  browserFor,
  exchange,
  obtainTokens,
  type Registered,
  register,
  signIn,
} from '../support/client.ts'
import { ADA, type Federation, startFederation } from '../support/federation.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import type { Upstream } from '../support/upstream.ts'

describe('federated sign-in at a second process', function () {
  this.timeout(60_000)
  let federation: Federation
  let issuer: TestIssuer
  let upstream: Upstream
  let client: Registered

  before(async () => {
    federation = await startFederation()
    ;({ issuer, upstream, client } = federation)
  })
  after(() => federation.stop())

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

    it('passes a typed address on to the IdP that it belongs to, and no other one', async () => {
      for (const [buttons, email, sent] of [
        [{}, 'ada@partner.example', 'ada@partner.example'],
        [{ idp: 'company' }, 'ada@partner.example', null],
      ] as const) {
        const asked: URL[] = []
        const request = authorizationRequest(issuer.url, client, { resource: `${issuer.url}/shared/mcp` })
        const browser = new Browser({
          until: (url) => url.href.startsWith(request.redirectUri),
          onRequest: (_method, url) => asked.push(url),
        })
        const texts = { ...ADA.texts, email }
        await signIn(request, { texts, buttons }, browser)
        const { searchParams } = asked.find(({ pathname }) => pathname === '/auth') ?? new URL(issuer.url)
        expect(searchParams.get('login_hint')).to.equal(sent)
        expect(searchParams.get('redirect_uri')).to.match(sent ? /partner$/ : /company$/)
      }
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
    expect(failed).to.include('424').and.to.include('identity provider does not answer')
    expect(metadata.status).to.equal(200)
  })
})
