/** Entra by its real addresses in a real browser: the adapter and Chromium both reach the stand-in process there. */
import { createServer, type Server } from 'node:http'
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { entra as adapter } from '../../adapters/entra.ts'
import { launchBrowser } from '../support/browser.ts'
import { authorizationRequest, exchange, type Registered, register } from '../support/client.ts'
import { CLIENT_ID, type Entra, GLOBAL, SECRET, startEntra, TENANT } from '../support/entra/index.ts'
import { listen, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { lookAt } from '../support/look.ts'

describe('Entra in a real browser', function () {
  this.timeout(60_000)
  let browser: Browser
  let entra: Entra
  let issuer: TestIssuer
  let client: Registered
  let callback: Server
  let context: BrowserContext
  let page: Page
  let requested: string[]
  let complaints: string[]

  before(async function () {
    browser = await launchBrowser(this)
    entra = await startEntra()
    callback = createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<title>Back</title>'))
    const redirectUri = `http://localhost:${await listen(callback)}/callback`
    const open: typeof adapter.open = (options, host) => adapter.open(options, { ...host, fetch: entra.fetchFor() })
    issuer = await startIssuer({
      adapters: [{ ...adapter, open }],
      config: (defaults) => ({
        ...defaults,
        idps: [
          {
            ...{
              id: 'entra',
              type: 'entra',
              name: 'Contoso',
              tenant: TENANT,
              clientId: CLIENT_ID,
              clientSecret: SECRET,
            },
            groups: { from: 'graph', as: 'name' },
          },
        ],
      }),
    })
    client = await register(issuer.url, { client_name: 'Browser test', redirect_uris: [redirectUri] })
  })
  after(async () => {
    await browser?.close()
    await issuer?.close()
    callback?.close()
    await entra?.stop()
  })
  beforeEach(async () => {
    await entra.reset()
    await entra.set({ app: { redirectUris: [`${issuer.url}/callback/entra`] } })
    context = await browser.newContext({ bypassCSP: true, viewport: { width: 800, height: 900 } })
    await context.route(`${GLOBAL.authority}/**`, async (route) => {
      const { pathname, search } = new URL(route.request().url())
      const headers = { 'x-cloud': GLOBAL.authority, 'x-graph': GLOBAL.graph }
      const answer = await fetch(`${entra.origin}${pathname}${search}`, { headers, redirect: 'manual' })
      await route.fulfill({
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: await answer.text(),
      })
    })
    page = await context.newPage()
    requested = []
    complaints = []
    context.on('request', (request) => requested.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
  })
  afterEach(() => context?.close())

  async function connect() {
    const request = authorizationRequest(issuer.url, client)
    await page.goto(request.url.href)
    await page.getByRole('button', { name: 'Approve' }).click()
    return request
  }
  const heading = () => page.getByRole('heading', { level: 1 }).textContent()

  it('sends whoever lacks the consent of the organisation to an administrator, and lets them in after it', async () => {
    await connect()
    await page.waitForURL(/callback\/entra/)
    expect(await heading()).equal('An administrator has to act first')
    const link = page.getByRole('link', { name: 'Consent for the organisation (administrators)' })
    const address = (await link.getAttribute('href')) ?? ''
    expect(address).match(new RegExp(`^${GLOBAL.authority}/${TENANT}/v2.0/adminconsent\\?client_id=${CLIENT_ID}&`))
    expect(await page.getByText(address).isVisible()).equal(true)
    await lookAt(page, 'entra-admin-consent')
    // Nobody goes there by themselves.
    await page.waitForTimeout(300)
    expect(requested.filter((url) => url.includes('/adminconsent'))).eql([])
    expect(JSON.stringify(issuer.logged)).includes('AADSTS90094: Your organisation has not agreed yet')

    await link.click()
    await page.waitForURL(/admin_consent=True/)
    expect(await heading()).equal('Consent is given')
    await lookAt(page, 'entra-admin-consent-given')

    const request = await connect()
    await page.waitForURL(`${request.redirectUri}?**`)
    const code = new URL(page.url()).searchParams.get('code') ?? ''
    expect((await exchange(issuer.url, client, request, code)).status).equal(200)
    // Chromium tells of an answer of 403 by itself.
    expect(complaints.filter((text) => !text.includes('status of 403'))).eql([])
  })
})
