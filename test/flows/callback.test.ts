import { expect } from 'chai'
import { Browser, walk } from '../../src/demo/driver.ts'
import { authorizationRequest, type Registered } from '../support/client.ts'
import { ADA, type Federation, startFederation } from '../support/federation.ts'
import type { TestIssuer } from '../support/issuer.ts'

describe('the callback of an IdP', function () {
  this.timeout(60_000)
  let federation: Federation
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    federation = await startFederation()
    ;({ issuer, client } = federation)
  })
  after(() => federation.stop())

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

  describe('of an administrator who consented for everybody', () => {
    const back = (query: string, init: RequestInit = {}) =>
      fetch(`${issuer.url}/callback/company?${query}`, {
        redirect: 'manual',
        headers: { accept: 'text/html' },
        ...init,
      })

    for (const query of ['tenant=8eaef023&admin_consent=True', 'admin_consent=true&scope=User.Read']) {
      it(`says that it is done and to connect again, and gives nothing away: ${query}`, async () => {
        const answer = await back(query)
        expect(answer.status).to.equal(200)
        expect(answer.headers.getSetCookie()).to.deep.equal([])
        const html = await answer.text()
        expect(html).to.include('Consent is given').and.to.include('connect again').and.to.not.include('8eaef023')
      })
    }

    for (const query of [
      'admin_consent=False',
      'admin_consent=',
      'admin_consent=True&admin_consent=True',
      'admin_consent=True&code=x',
      'admin_consent=True&state=x',
      'admin_consent=True&state=',
      'tenant=8eaef023',
    ]) {
      it(`is nothing but that: ${query} is refused`, async () => {
        expect((await back(query)).status).to.equal(400)
      })
    }

    it('says that nothing was agreed to when the administrator declined, and the operator reads why', async () => {
      const description = 'AADSTS65004: User declined to consent to access the app.\u001b[31m'
      const query = new URLSearchParams({
        admin_consent: 'True',
        error: 'access_denied',
        error_description: description,
      })
      const answer = await back(String(query))
      expect([answer.status, answer.headers.getSetCookie()]).to.deep.equal([403, []])
      const html = await answer.text()
      expect(html)
        .to.include('Nothing was agreed to')
        .and.to.match(/Reference: <code>/)
      expect(html).to.not.include('AADSTS')
      const logged = JSON.stringify(issuer.logged)
      expect(logged).to.include('access_denied: AADSTS65004').and.to.not.include('u001b')
      expect((await back(`${query}&state=x`)).status).to.equal(400)
    })

    it('is a GET at an IdP that there is', async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      expect((await back('admin_consent=True', { method: 'POST', headers, body: 'a=b' })).status).to.equal(400)
      const nowhere = await fetch(`${issuer.url}/callback/nowhere?admin_consent=True`)
      expect(nowhere.status).to.equal(404)
    })

    it('leaves a sign-in that is under way as it was', async () => {
      const { browser, callback } = await beforeCallback()
      const consent = new URL(`${callback.pathname}?admin_consent=True`, callback)
      expect((await open(browser, consent)).status).to.equal(200)
      expect((await open(browser, callback)).status).to.equal(303)
    })
  })

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
