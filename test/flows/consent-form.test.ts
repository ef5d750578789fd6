import { expect } from 'chai'
import { Browser } from '../../src/demo/driver.ts'
import { type Registered, register } from '../support/client.ts'
import { openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('the form of the consent page', () => {
  let issuer: TestIssuer
  let client: Registered
  const consentPage = () => openConsent(issuer.url, client)

  before(async () => {
    issuer = await startIssuer()
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  it('is refused without its token', async () => {
    const { browser, page } = await consentPage()
    expect((await press(browser, page, { form: { csrf: '' } })).status).to.equal(403)
  })

  it('is refused with the token of another interaction', async () => {
    const other = await consentPage()
    const { browser, page } = await consentPage()
    const csrf = other.page.forms[0]?.values.csrf ?? ''
    expect(csrf).to.not.equal('')
    expect((await press(browser, page, { form: { csrf } })).status).to.equal(403)
  })

  for (const [title, headers] of [
    ['another origin', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling site', { 'sec-fetch-site': 'same-site' }],
  ] as const) {
    it(`is refused from ${title}`, async () => {
      const { browser, page } = await consentPage()
      const response = await press(browser, page, { headers })
      expect(response.status).to.equal(403)
      expect(response.headers.getSetCookie()).to.deep.equal([])
    })
  }

  it('is refused without the cookie of the interaction', async () => {
    const { page } = await consentPage()
    expect((await press(new Browser(), page)).status).to.equal(400)
  })

  it('is refused with a forged cookie of the interaction', async () => {
    const { page } = await consentPage()
    const uid = page.url.pathname.split('/').at(-1) ?? ''
    const response = await press(new Browser(), page, { headers: { cookie: `consulate_interaction=${uid}` } })
    expect(response.status).to.equal(400)
  })

  it('is refused when it decides nothing', async () => {
    const { browser, page } = await consentPage()
    expect((await press(browser, page, { form: { decision: 'maybe' } })).status).to.equal(400)
  })

  it('sends the browser on by 303', async () => {
    const { browser, page } = await consentPage()
    expect((await press(browser, page)).status).to.equal(303)
  })
})
