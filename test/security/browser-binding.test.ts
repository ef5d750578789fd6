import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import type { Browser, Page } from '../../src/demo/driver.ts'
import { authorizationRequest, browserFor, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** An adapter that checks nothing, so that only the host's own checks are left. */
const trusting = defineAdapter({
  type: 'trusting',
  options: z.strictObject({}),
  open: () => ({
    start: async () => ({ kind: 'form', title: 'Sign in', fields: [] }),
    finish: async () => ({ subject: 'ada', claims: { groups: [] } }),
  }),
})

describe('the binding of a sign-in to one browser and one request', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({
      adapters: [trusting],
      config: (defaults, url) => ({
        ...defaults,
        idps: ['one', 'two'].map((id) => ({ id, type: 'trusting', name: id })),
        resources: [
          ...(defaults.resources ?? []).map((resource) => ({ ...resource, idps: ['one'] })),
          {
            resource: `${url}/open/mcp`,
            name: 'Open to both',
            scopes: { use: 'Use it' },
            defaultScopes: ['use'],
          },
        ],
      }),
    })
  })
  after(() => issuer.close())

  async function consentPage(
    browser?: Browser,
    metadata: Record<string, unknown> = {},
    changes: Record<string, string> = {},
  ) {
    const request = authorizationRequest(issuer.url, await register(issuer.url, metadata), changes)
    const own = browser ?? browserFor(request)
    const { page } = await own.open(request.url)
    if (!page) throw new Error('no consent page')
    return { browser: own, page }
  }

  /** Approves and stops before the sign-in. Answers its address. */
  async function approve(browser: Browser, page: Page): Promise<URL> {
    const [form] = page.forms
    if (!form) throw new Error('no form')
    const response = await fetch(form.action, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: browser.cookies.header(form.action) ?? '' },
      body: new URLSearchParams({ ...form.values, decision: 'approve' }),
    })
    browser.cookies.store(form.action, response.headers)
    return new URL(response.headers.get('location') ?? '', page.url)
  }

  it('shows the host that the answer goes to', async () => {
    const { page } = await consentPage(undefined, { redirect_uris: ['https://answers.example/callback'] })
    expect(page.html).to.include('answers.example')
  })

  it('does not let the attempt of one request sign in for another, approved in the same browser', async () => {
    const one = await consentPage()
    const two = await consentPage(one.browser)
    const first = await approve(one.browser, one.page)
    const second = await approve(one.browser, two.page)
    second.search = first.search
    expect((await one.browser.open(second)).page?.status).to.equal(403)
    expect((await one.browser.open(first)).page?.status).to.equal(200)
  })

  it('does not take the cookie of one request at the address of another', async () => {
    const one = await consentPage()
    const two = await consentPage()
    const cookie = one.browser.cookies.header(one.page.url) ?? ''
    const status = async (url: URL) => (await fetch(url, { headers: { cookie, accept: 'text/html' } })).status
    expect(await status(one.page.url)).to.equal(200)
    expect(await status(two.page.url)).to.be.within(400, 403)
  })

  it('leaves no cookie of a session behind', async () => {
    const request = authorizationRequest(issuer.url, await register(issuer.url))
    const browser = browserFor(request)
    const set: string[] = []
    const { store } = browser.cookies
    browser.cookies.store = (url, headers) => {
      set.push(...headers.getSetCookie().map((cookie) => cookie.replace(/=.*/, '')))
      return store.call(browser.cookies, url, headers)
    }
    expect((await signIn(request, {}, browser)).searchParams.has('code')).to.equal(true)
    expect(set.some((name) => name.startsWith('consulate_login_'))).to.equal(true)
    expect(set.filter((name) => name.includes('session'))).to.deep.equal([])
  })

  it('takes exactly one state at the callback, whatever the adapter makes of it', async () => {
    const { browser, page } = await consentPage()
    const visit = await browser.open(await approve(browser, page))
    const [form] = visit.page?.forms ?? []
    if (!form) throw new Error('no sign-in form')
    const state = form.values.state ?? ''
    const answer = async (...states: string[]) => {
      const response = await fetch(form.action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: browser.cookies.header(form.action) ?? '', accept: 'text/html' },
        body: new URLSearchParams(states.map((each): [string, string] => ['state', each])),
      })
      return response.status
    }
    expect([await answer(), await answer(state, 'x'), await answer('x', state)]).to.deep.equal([400, 400, 400])
    expect(await answer(state)).to.equal(303)
  })

  it('guards the choice of an IdP like the consent', async () => {
    const { browser, page } = await consentPage(undefined, {}, { resource: `${issuer.url}/open/mcp` })
    const choice = (await browser.open(await approve(browser, page))).page
    const [form] = choice?.forms ?? []
    if (!form) throw new Error('no chooser')
    const choose = async (changes: Record<string, string>, headers: Record<string, string> = {}) => {
      const response = await fetch(form.action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: browser.cookies.header(form.action) ?? '', accept: 'text/html', ...headers },
        body: new URLSearchParams({ ...form.values, idp: 'two', ...changes }),
      })
      return response.status
    }
    expect(await choose({ csrf: '' })).to.equal(403)
    expect(await choose({}, { origin: 'https://evil.example' })).to.equal(403)
    expect(await choose({ idp: 'three' })).to.equal(400)
    expect(await choose({})).to.equal(303)
  })
})
