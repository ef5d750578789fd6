import { expect } from 'chai'
import { Browser, walk } from '../../src/demo/driver.ts'
import { authorizationRequest, browserFor, type Registered, register, signIn } from '../support/client.ts'
import { openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer, withOtherServer } from '../support/issuer.ts'

const WEB_REDIRECT = 'https://app.example/callback'

describe('consent', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({ config: withOtherServer() })
    client = await register(issuer.url, { client_name: 'Friendly editor' })
  })
  after(() => issuer.close())

  const consentPage = (changes: Record<string, string | undefined> = {}, who = client) =>
    openConsent(issuer.url, who, changes)

  it('comes before anything else and names the client, where the answer goes, the server and the scopes in words', async () => {
    const { page } = await consentPage({ scope: 'demo:read demo:write' })
    expect(page.status).to.equal(200)
    for (const text of [
      'Friendly editor',
      'localhost',
      'Demo MCP server',
      `${issuer.url}/demo/mcp`,
      'Read who you are',
      'Use the calculator',
    ]) {
      expect(page.html).to.include(text)
    }
  })

  it('is asked for again at every authorization, whatever was approved before in the same browser', async () => {
    const first = authorizationRequest(issuer.url, client)
    const browser = browserFor(first)
    await signIn(first, {}, browser)
    for (const changes of [{}, { scope: 'demo:read demo:write' }, { resource: `${issuer.url}/other/mcp` }]) {
      const next = authorizationRequest(issuer.url, client, changes)
      const { page } = await browser.open(next.url)
      expect(page?.html).to.include('Friendly editor')
    }
  })

  it('answers prompt=none with login_required', async () => {
    const back = await signIn(authorizationRequest(issuer.url, client, { prompt: 'none' }))
    expect(back.searchParams.get('error')).to.equal('login_required')
    expect(back.searchParams.get('iss')).to.equal(issuer.url)
  })

  for (const prompt of ['login', 'consent', 'select_account', 'login consent']) {
    it(`accepts prompt=${prompt}`, async () => {
      expect((await signIn(authorizationRequest(issuer.url, client, { prompt }))).searchParams.has('code')).to.equal(
        true,
      )
    })
  }

  it('spends nothing when the authorization URL is fetched by a program first, as some clients do', async () => {
    const request = authorizationRequest(issuer.url, client)
    const preflight = await fetch(request.url, { redirect: 'manual' })
    expect(preflight.status).to.equal(303)
    expect((await signIn(request)).searchParams.has('code')).to.equal(true)
  })

  it('may be loaded any number of times', async () => {
    const { browser, page } = await consentPage()
    for (let i = 0; i < 3; i += 1) expect((await browser.open(page.url)).page?.html).to.equal(page.html)
    const [form] = page.forms
    if (!form) throw new Error('no form')
    const visit = await browser.submit(page, form, { name: 'decision', value: 'approve' })
    expect(visit.page?.title).to.match(/sign-in/i)
  })

  it('sets no cookie of a login attempt before the user approved', async () => {
    const { url } = authorizationRequest(issuer.url, client)
    const response = await fetch(url, { redirect: 'manual' })
    const page = await fetch(new URL(response.headers.get('location') ?? '', url), {
      headers: {
        cookie: response.headers
          .getSetCookie()
          .map((cookie) => cookie.split(';')[0])
          .join('; '),
      },
    })
    const names = [...response.headers.getSetCookie(), ...page.headers.getSetCookie()].map(
      (cookie) => cookie.split('=')[0],
    )
    expect(names.filter((name) => name?.includes('login'))).to.deep.equal([])
  })

  for (const method of ['HEAD', 'PUT', 'DELETE']) {
    it(`grants nothing by ${method}`, async () => {
      const { browser, page } = await consentPage()
      const response = await fetch(page.url, { method, headers: { cookie: browser.cookies.header(page.url) ?? '' } })
      expect(response.status).to.be.oneOf([404, 405])
      const authorize = await fetch(authorizationRequest(issuer.url, client).url, { method, redirect: 'manual' })
      expect(authorize.status).to.be.oneOf([404, 405])
    })
  }

  it('has a step before the sign-in that cannot be skipped', async () => {
    const { browser, page } = await consentPage()
    for (const path of ['/sign-in?idp=dev&state=x', '/choose']) {
      const visit = await browser.open(page.url.href + path)
      expect(visit.page?.status).to.equal(400)
    }
  })

  describe('Cancel', () => {
    it('tells a program on the device at once, with iss', async () => {
      const request = authorizationRequest(issuer.url, client)
      const back = await signIn(request, { buttons: { decision: 'cancel' } })
      expect(Object.fromEntries(back.searchParams)).to.deep.equal({
        error: 'access_denied',
        error_description: 'the user declined',
        state: request.state,
        iss: issuer.url,
      })
    })

    it('shows a page with the way back when the client is on the web, and goes nowhere by itself', async () => {
      const web = await register(issuer.url, { redirect_uris: [WEB_REDIRECT] })
      const { browser, page } = await consentPage({}, web)
      const response = await press(browser, page, { form: { decision: 'cancel' } })
      expect(response.status).to.equal(200)
      expect(response.headers.get('location')).to.equal(null)
      const html = await response.text()
      expect(html).to.include('You cancelled')
      expect(html).to.include(`${WEB_REDIRECT}?error=access_denied`)
    })

    it('ends the interaction', async () => {
      const { browser, page } = await consentPage()
      await press(browser, page, { form: { decision: 'cancel' } })
      expect((await press(browser, page)).status).to.equal(400)
    })
  })

  describe('another browser', () => {
    it('cannot finish a sign-in that this one approved (confused deputy)', async () => {
      const { browser, page } = await consentPage()
      const approved = await press(browser, page)
      browser.cookies.store(page.url, approved.headers)
      const { page: form } = await browser.open(new URL(approved.headers.get('location') ?? '', page.url))
      const [fields] = form?.forms ?? []
      if (!form || !fields) throw new Error('no sign-in form')
      const persona = fields.buttons[0]
      const victim = await new Browser().submit(form, fields, persona)
      expect(victim.page?.status).to.equal(403)
      expect(victim.page?.html).to.include('another browser')

      const mine = await browser.submit(form, fields, persona)
      expect(mine.url.searchParams.has('code')).to.equal(true)
      const again = await browser.submit(form, fields, persona)
      expect(again.page?.status).to.equal(400)
    })

    it('cannot resume with the result of this one', async () => {
      const request = authorizationRequest(issuer.url, client)
      let resume: URL | undefined
      const browser = new Browser({
        until: (url) => {
          if (url.pathname.startsWith('/authorize/')) resume = url
          return resume !== undefined
        },
      })
      await walk(browser, request.url)
      if (!resume) throw new Error('no resume')
      const victim = await new Browser().open(resume)
      expect(victim.page?.status).to.equal(400)
    })
  })

  it('keeps two sign-ins of one browser apart', async () => {
    const one = await consentPage()
    const request = authorizationRequest(issuer.url, client)
    const two = await one.browser.open(request.url)
    if (!two.page) throw new Error('no second page')
    for (const page of [two.page, one.page]) {
      const [form] = page.forms
      if (!form) throw new Error('no form')
      const signInPage = (await one.browser.submit(page, form, { name: 'decision', value: 'approve' })).page
      const [fields] = signInPage?.forms ?? []
      if (!signInPage || !fields) throw new Error('no sign-in form')
      const visit = await one.browser.submit(signInPage, fields, fields.buttons[0])
      expect(visit.url.searchParams.has('code')).to.equal(true)
    }
  })

  it('ends after ten minutes', async () => {
    const { browser, page } = await consentPage()
    issuer.advance(601_000)
    const response = await press(browser, page)
    issuer.advance(-601_000)
    expect(response.status).to.equal(400)
  })
})
