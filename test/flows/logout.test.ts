import { expect } from 'chai'
import { Browser, type Page } from '../../src/demo/driver.ts'
import { audited, type CompanyIssuer, Connected, startCompanyIssuer } from '../support/company-issuer.ts'

describe('the logout page', () => {
  let set: CompanyIssuer
  let browser: Browser

  beforeEach(async () => {
    set = await startCompanyIssuer()
    browser = new Browser({ until: (url) => url.origin === set.company.origin })
  })
  afterEach(() => set.stop())

  const open = async (path = '/logout'): Promise<Page> => {
    const { page } = await browser.open(`${set.issuer.url}${path}`)
    if (!page) throw new Error('no page')
    return page
  }
  const press = async (page: Page, idp: string) => {
    const [form] = page.forms
    const button = form?.buttons.find(({ name, value }) => name === 'idp' && value === idp)
    if (!form || !button) throw new Error(`the page has no button for "${idp}"`)
    return browser.submit(page, form, button)
  }
  /** The form as any program could post it. */
  const post = (page: Page, form: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    fetch(`${set.issuer.url}/logout`, {
      method: 'POST',
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: browser.cookies.header(page.url) ?? '', ...headers },
      body: new URLSearchParams({ ...page.forms[0]?.values, idp: 'company', ...form }),
    })

  it('says what ends, and that connected applications go on unless the IdP tells us', async () => {
    const { html, headers } = await open()
    for (const words of ['keeps no sign-in of its own', 'In this browser', 'At your identity provider']) {
      expect(html).to.include(words)
    }
    expect(html).to.match(/at <bdi>The Company<\/bdi>\n<small>Disconnects the applications/)
    expect(headers.get('cache-control')).to.equal('no-store')
  })

  it('leaves to the IdP with one fixed way back, and says so when the browser has come back', async () => {
    const visit = await press(await open(), 'company')
    expect(visit.url.href).to.equal(
      `${set.company.origin}/end?${new URLSearchParams({ post_logout_redirect_uri: `${set.issuer.url}/logout/done` })}`,
    )
    const done = await open('/logout/done')
    expect(done.title).to.equal('You are signed out · Consulate')
    expect(done.html).to.match(/came back from <strong><bdi>The Company/)
    expect(audited(set.issuer, 'logout.browser')).to.have.length(1)
  })

  it('ends what is in this browser alone when asked to, and touches no grant', async () => {
    const client = await Connected.by('ada', set.issuer.url)
    const { page } = await press(await open(), '')
    expect(page?.title).to.equal('You are signed out · Consulate')
    expect(page?.html).to.include('sign out there too').and.not.include('The Company')
    expect((await client.refresh()).status).to.equal(200)
  })

  it('deletes every cookie of ours, and with it what was remembered and a sign-in on its way', async () => {
    const page = await open()
    const mine = ['consulate_login_abc', 'consulate_browser_def', 'consulate_idp', '__Host-consulate_idp']
    const others = ['session', 'notconsulate_x', 'other_consulate_y']
    const cookie = [browser.cookies.header(page.url), ...[...mine, ...others].map((name) => `${name}=v`)].join('; ')
    const set_ = (await post(page, { idp: '' }, { cookie })).headers.getSetCookie()
    const ended = set_.filter((line) => /expires=Thu, 01 Jan 1970/i.test(line)).map((line) => line.split('=', 1)[0])
    expect(ended).to.have.members([...mine, 'consulate_logout'])
  })

  it('shows what is still open when the IdP cannot be asked', async () => {
    const page = await open()
    set.company.mode = 'down'
    const visit = await press(page, 'company')
    expect(visit.page?.status).to.equal(200)
    expect(visit.page?.title).to.equal('Signed out here only · Consulate')
    expect(visit.page?.html).to.match(/Your session at <bdi>The Company<\/bdi> is still open/)
    expect(set.issuer.logged.some(({ msg }) => msg === 'the session at the IdP could not be ended')).to.equal(true)
    expect(audited(set.issuer, 'logout.browser')).to.have.length(0)
  })

  it('does not say that somebody is signed out who only followed a link', async () => {
    expect((await open('/logout/done')).url.pathname).to.equal('/logout')
    const forged = { cookie: 'consulate_left=<b>company' }
    const answer = await fetch(`${set.issuer.url}/logout/done`, { redirect: 'manual', headers: forged })
    expect([answer.status, answer.headers.get('location')]).to.deep.equal([303, '/logout'])
  })

  it('takes its form from its own page in this browser alone', async () => {
    const page = await open()
    const own = page.forms[0]?.values.csrf ?? ''
    const other = new Browser()
    const { page: theirs } = await other.open(`${set.issuer.url}/logout`)
    const refused: Readonly<Record<string, Response>> = {
      'without a token': await post(page, { csrf: '' }),
      'with the token of another browser': await post(page, { csrf: theirs?.forms[0]?.values.csrf ?? '' }),
      'without the cookie': await post(page, {}, { cookie: '' }),
      'from another origin': await post(page, {}, { origin: 'https://evil.example' }),
      'from another site': await post(page, {}, { 'sec-fetch-site': 'cross-site' }),
    }
    for (const [what, { status, headers }] of Object.entries(refused)) {
      expect([what, status, headers.get('location')]).to.deep.equal([what, 403, null])
    }
    expect(own).to.have.length.above(20)
    expect((await post(page)).status).to.equal(303)
  })

  it('leads nowhere but to an IdP of the configuration', async () => {
    const page = await open()
    for (const idp of ['other', 'https://evil.example', '../x']) {
      const { status, headers } = await post(page, { idp })
      expect([status, headers.get('location')]).to.deep.equal([400, null])
    }
  })
})
