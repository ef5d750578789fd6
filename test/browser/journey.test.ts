import { createServer, type Server } from 'node:http'
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { authorizationRequest, exchange, type Registered, register } from '../support/client.ts'
import { listen, startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('a sign-in in a real browser', function () {
  this.timeout(60_000)
  let browser: Browser
  let issuer: TestIssuer
  let client: Registered
  let callback: Server
  let redirectUri: string

  before(async function () {
    browser = await launchBrowser(this)
    issuer = await startIssuer()
    callback = createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<title>Back</title>'))
    redirectUri = `http://localhost:${await listen(callback)}/callback`
    client = await register(issuer.url, { client_name: 'Browser test', redirect_uris: [redirectUri] })
  })
  after(async () => {
    await browser?.close()
    await issuer?.close()
    callback?.close()
  })

  /** A page that records what a browser complains about. */
  async function openPage(): Promise<{ page: Page; complaints: string[]; close(): Promise<void> }> {
    const context = await browser.newContext()
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    return { page, complaints, close: () => context.close() }
  }

  it('goes from the consent page to the client by keyboard alone, and the code is good', async () => {
    const { page, complaints, close } = await openPage()
    const request = authorizationRequest(issuer.url, client)
    await page.goto(request.url.href)
    expect(await page.title()).to.include('Browser test')
    for (const name of ['Approve', 'Ada Lovelace']) {
      const button = page.getByRole('button', { name: new RegExp(name) })
      for (
        let presses = 0;
        presses < 30 && !(await button.evaluate((node) => node === node.ownerDocument.activeElement));
        presses += 1
      ) {
        await page.keyboard.press('Tab')
      }
      await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    }
    await page.waitForURL((url) => url.pathname === '/callback' && url.port === new URL(redirectUri).port)
    const back = new URL(page.url())
    expect(back.searchParams.get('iss')).to.equal(issuer.url)
    const { status } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '')
    await close()
    expect(status).to.equal(200)
    expect(complaints).to.deep.equal([])
  })

  it('returns to the client with access_denied on Cancel', async () => {
    const { page, close } = await openPage()
    await page.goto(authorizationRequest(issuer.url, client).url.href)
    await Promise.all([page.waitForURL(/callback/), page.getByRole('button', { name: 'Cancel' }).click()])
    const { searchParams } = new URL(page.url())
    await close()
    expect(searchParams.get('error')).to.equal('access_denied')
  })

  it('cannot be driven by a page of another site', async () => {
    const { page, close } = await openPage()
    await page.goto(authorizationRequest(issuer.url, client).url.href)
    const consent = page.url()
    const csrf = await page.locator('input[name=csrf]').getAttribute('value')
    const { origin } = new URL(redirectUri)
    // Even with the token in hand: the browser itself says where the form was sent from.
    await page.route(`${origin}/attack`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${consent}"><input name="csrf" value="${csrf}"><button name="decision" value="approve">x</button></form>`,
      }),
    )
    await page.goto(`${origin}/attack`)
    const [response] = await Promise.all([page.waitForResponse(consent), page.getByRole('button').click()])
    await close()
    expect(response.status()).to.equal(403)
  })

  it('shows the error page for a client that is gone', async () => {
    const { page, close } = await openPage()
    const response = await page.goto(authorizationRequest(issuer.url, { ...client, client_id: 'gone' }).url.href)
    const heading = await page.getByRole('heading', { level: 1 }).textContent()
    await close()
    expect(response?.status()).to.equal(400)
    expect(heading).to.include('not connected any more')
  })

  it('registers, fetches metadata and exchanges codes from a page of another origin, as web clients do', async () => {
    const { page, close } = await openPage()
    await page.goto(redirectUri)
    const outcome = await page.evaluate(async (url) => {
      type Answer = Record<string, string>
      const found = await fetch(`${url}/.well-known/oauth-authorization-server`)
      const metadata = (await found.json()) as Answer
      const registered = await fetch(metadata.registration_endpoint ?? '', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
        body: JSON.stringify({
          client_name: 'Web',
          redirect_uris: ['https://app.example/cb'],
          token_endpoint_auth_method: 'none',
        }),
      })
      const { client_id = '' } = (await registered.json()) as Answer
      const token = await fetch(metadata.token_endpoint ?? '', {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          client_id,
          code: 'x',
          redirect_uri: 'https://app.example/cb',
          code_verifier: 'x'.repeat(43),
        }),
      })
      return { registered: registered.status, token: ((await token.json()) as Answer).error }
    }, issuer.url)
    await close()
    expect(outcome).to.deep.equal({ registered: 201, token: 'invalid_grant' })
  })
})
