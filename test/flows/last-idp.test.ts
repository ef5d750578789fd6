import { expect } from 'chai'
import type { Context } from 'koa'
import type { Page } from '../../src/demo/driver.ts'
import { openLastIdp } from '../../src/interaction/last-idp.ts'
import { type Registered, register, signIn } from '../support/client.ts'
import { approve, offered, openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('the IdP of the last sign-in', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      config: (defaults) => ({
        ...defaults,
        idps: ['partners', 'contoso', 'dev'].map((id) => ({ id, type: 'dev', name: `Of ${id}` })),
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  it('puts the IdP of the last sign-in first and says so, and still asks for everything', async () => {
    const first = await openConsent(issuer.url, client)
    await signIn(first.request, { buttons: { idp: 'dev' } }, first.browser)
    const pages: Page[] = []
    const { request } = await openConsent(issuer.url, client)
    await signIn(request, { buttons: { idp: 'dev' }, onPage: (page) => pages.push(page) }, first.browser)
    const [consent, chooser, ...others] = pages
    expect(consent?.html).to.include('After you approve, you choose where to sign in').and.not.include('Last used')
    expect(chooser && offered(chooser)).to.deep.equal(['dev', 'partners', 'contoso'])
    expect(chooser?.html.match(/Last used/g)).to.have.length(1)
    expect(others).to.have.length(1)
  })

  it('says nothing about one that was chosen and not finished', async () => {
    const open = await openConsent(issuer.url, client)
    const chooser = await approve(open)
    await press(open.browser, chooser, { form: { idp: 'partners' } })
    const { page } = await open.browser.open(chooser.url)
    expect(page?.title).to.include('Choose where to sign in')
    expect(page?.html).to.not.include('Last used')
  })

  it('keeps an id and nothing else, for a year, out of reach of scripts', async () => {
    const set: string[] = []
    const { request, browser } = await openConsent(issuer.url, client)
    const { store } = browser.cookies
    browser.cookies.store = (url, headers) => {
      set.push(...headers.getSetCookie())
      return store.call(browser.cookies, url, headers)
    }
    await signIn(request, { buttons: { idp: 'dev' } }, browser)
    const [cookie = '', ...more] = set.filter((each) => each.includes('last_idp'))
    expect(more).to.deep.equal([])
    expect(cookie).to.match(/^consulate_last_idp=dev; path=\/; expires=[^;]+; samesite=lax; httponly$/i)
    const days = (Date.parse(/expires=([^;]+)/.exec(cookie)?.[1] ?? '') - Date.now()) / 86_400_000
    expect(days).to.be.within(364, 366)
  })

  for (const planted of ['contoso', 'nobody', '%22%3E%3Cscript%3E']) {
    it(`lets a planted cookie “${planted}” change the order and nothing more`, async () => {
      const open = await openConsent(issuer.url, client)
      const headers = new Headers({ 'set-cookie': `consulate_last_idp=${planted}; path=/` })
      open.browser.cookies.store(new URL(issuer.url), headers)
      const page = await approve(open)
      expect(page.title).to.include('Choose where to sign in')
      expect(offered(page)).to.have.members(['partners', 'contoso', 'dev'])
      expect(page.html.includes('Last used')).to.equal(planted === 'contoso')
    })
  }

  it('is in no cookie of a sign-in that could go to one IdP only', async () => {
    const single = await startIssuer()
    const { request, browser } = await openConsent(single.url, await register(single.url))
    await signIn(request, {}, browser)
    await single.close()
    expect(browser.cookies.header(new URL(single.url)) ?? '').to.not.include('last_idp')
  })

  it('is kept under a name that no other host can set, over https', () => {
    const set: unknown[][] = []
    const cookies = { set: (...cookie: unknown[]) => set.push(cookie) }
    openLastIdp(true).remember({ cookies } as unknown as Context, 'dev')
    const [[name, value, options] = []] = set
    expect([name, value]).to.deep.equal(['__Host-consulate_last_idp', 'dev'])
    expect(options).to.include({ secure: true, httpOnly: true, path: '/' }).and.not.have.property('domain')
  })
})
