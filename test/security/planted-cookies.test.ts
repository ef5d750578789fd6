import { expect } from 'chai'
import { Browser } from '../../src/demo/driver.ts'
import { openBrowserBinding } from '../../src/interaction/browser.ts'
import { authorizationRequest, browserFor, type Registered, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** What a sibling subdomain can plant: cookies without the `__Host-` prefix. The names are those of https. */
const PLANTABLE = /^consulate_(interaction|resume)/

describe("cookies that another host planted in the victim's browser", () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer()
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  /** An interaction that the attacker began, with the cookies that he can plant elsewhere. */
  async function attackersInteraction(approve: boolean) {
    const request = authorizationRequest(issuer.url, client)
    const response = await fetch(request.url, { redirect: 'manual' })
    const page = new URL(response.headers.get('location') ?? '', request.url)
    const all = response.headers.getSetCookie()
    const attacker = browserFor(request)
    attacker.cookies.store(page, response.headers)
    if (approve) {
      const { page: consent } = await attacker.open(page)
      const [form] = consent?.forms ?? []
      if (!consent || !form) throw new Error('no consent page')
      await attacker.submit(consent, form, { name: 'decision', value: 'approve' })
    }
    const victim = new Browser()
    const planted = new Headers()
    for (const cookie of all.filter((each) => PLANTABLE.test(each))) planted.append('set-cookie', cookie)
    expect(planted.getSetCookie()).to.not.have.length(0)
    victim.cookies.store(page, planted)
    return { request, page, attacker, victim }
  }

  it('do not skip the consent page with an approval of the attacker', async () => {
    const { page, victim } = await attackersInteraction(true)
    for (const path of ['', '/choose', '/sign-in?idp=dev&state=x']) {
      const visit = await victim.open(page.href + path)
      expect([path, visit.page?.status]).to.deep.equal([path, 400])
    }
  })

  it('do not lead the victim through a sign-in whose result the attacker collects', async () => {
    const { page, victim } = await attackersInteraction(false)
    expect((await victim.open(page)).page?.status).to.equal(400)
  })

  it('do not bring a result to a browser that did not begin the request', async () => {
    const request = authorizationRequest(issuer.url, client)
    let resume: URL | undefined
    const browser = new Browser({
      until: (url) => {
        if (url.pathname.startsWith('/authorize/')) resume = new URL(url)
        return resume !== undefined
      },
    })
    const cookies = (await fetch(request.url, { redirect: 'manual' })).headers
    browser.cookies.store(request.url, cookies)
    await signIn(request, {}, browser).catch(() => undefined)
    if (!resume) throw new Error('no resume')
    const header = browser.cookies.header(resume) ?? ''
    expect(header).to.match(/consulate_resume/)
    const response = await fetch(resume, {
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        cookie: header
          .split('; ')
          .filter((pair) => PLANTABLE.test(pair))
          .join('; '),
      },
    })
    expect(response.status).to.equal(400)
  })

  it('are what https issuers are protected from: theirs have the __Host- prefix', async () => {
    const set: [string, Record<string, unknown>][] = []
    const ctx = {
      cookies: { set: (name: string, _value: string, options: Record<string, unknown>) => set.push([name, options]) },
    }
    openBrowserBinding(() => [Buffer.alloc(32)], true).bind(ctx as never, 'uid')
    const [[name, options] = ['', {}]] = set
    expect(name).to.match(/^__Host-consulate_browser_/)
    expect(options)
      .to.include({ secure: true, httpOnly: true, path: '/', sameSite: 'lax' })
      .and.not.have.property('domain')
  })
})
