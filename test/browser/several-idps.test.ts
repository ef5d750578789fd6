import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { adapters } from '../../adapters/index.ts'
import { LoginRefused } from '../../src/adapter.ts'
import { launchBrowser } from '../support/browser.ts'
import { authorizationRequest, exchange, type Registered, register } from '../support/client.ts'
import { listen, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { hostileSvg, PNG, SVG } from '../support/logos.ts'
import { lookAt } from '../support/look.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const CONSENT = 'https://login.microsoftonline.com/contoso.example/v2.0/adminconsent?client_id=aaaaaaaa-bbbb-cccc'

describe('several IdPs in a real browser', function () {
  this.timeout(60_000)
  const scripted = scriptedIdps()
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let requested: string[]
  let complaints: string[]
  let issuer: TestIssuer
  let client: Registered
  let trap: Server
  let trapped: string[]
  let callback: string
  let folder: string

  before(async function () {
    browser = await launchBrowser(this)
    // Whatever a logo wants from elsewhere would be asked for here. It is the client's callback as well.
    trap = createServer((req, res) => {
      trapped.push(req.url ?? '')
      res.setHeader('content-type', 'text/html').end('<title>Back</title>')
    })
    const elsewhere = `http://localhost:${await listen(trap)}`
    callback = `${elsewhere}/callback`
    folder = await mkdtemp(join(tmpdir(), 'consulate-logos-'))
    const logos = { contoso: SVG, partners: PNG, odd: hostileSvg(elsewhere) }
    for (const [id, body] of Object.entries(logos)) await writeFile(join(folder, id), body)
    const idp = (id: string, name: string, domains?: string[]) => ({
      ...{ id, name, type: 'scripted', logo: join(folder, id) },
      ...(domains && { domains }),
    })
    issuer = await startIssuer({
      adapters: [...adapters, scripted.type],
      config: (defaults) => ({
        ...defaults,
        idps: [
          idp('contoso', 'Contoso', ['contoso.example']),
          idp('partners', 'Partners of Contoso'),
          idp('odd', 'An odd one'),
          { id: 'dev', type: 'dev', name: 'Development sign-in' },
        ],
      }),
    })
    client = await register(issuer.url, { client_name: 'Browser test', redirect_uris: [callback] })
  })
  after(async () => {
    await browser?.close()
    await issuer?.close()
    trap?.close()
    if (folder) await rm(folder, { recursive: true })
  })
  beforeEach(async () => {
    // The policy of the page forbids the script that axe is; `journey.test.ts` and the logos below go without this.
    context = await browser.newContext({ bypassCSP: true, viewport: { width: 800, height: 900 } })
    page = await context.newPage()
    requested = []
    complaints = []
    trapped = []
    context.on('request', (request) => requested.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
  })
  afterEach(() => context?.close())

  async function approve(changes: Record<string, string> = {}) {
    const request = authorizationRequest(issuer.url, client, changes)
    await page.goto(request.url.href)
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.waitForURL(/\/(choose|sign-in)/)
    return request
  }

  const foreign = () => requested.filter((url) => !url.startsWith(`${issuer.url}/`))

  it('are shown with logos and a field, to every reader, and ask nobody else for anything', async () => {
    await approve()
    await lookAt(page, 'several-chooser')
    const drawn = await page.evaluate('[...document.images].map(({ naturalWidth }) => naturalWidth > 0)')
    expect(drawn).eql([true, true, true])
    expect(await page.getByRole('button', { name: 'Contoso', exact: true }).count()).equal(1)
    expect([foreign(), trapped, complaints]).eql([[], [], []])
  })

  it('are reached by keyboard: a wrong address, then a right one, and the code is good', async () => {
    const request = await approve()
    await page.keyboard.press('Tab')
    await page.keyboard.type('ada@elsewhere.example')
    await Promise.all([page.waitForResponse(/choose/), page.keyboard.press('Enter')])
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).includes(
      'The part after the @ belongs to none of the sign-ins below',
    )
    expect(await page.getByLabel('Your e-mail address at work').inputValue()).equal('ada@elsewhere.example')
    await lookAt(page, 'several-unknown')
    await page.getByLabel('Your e-mail address at work').press('Control+A')
    await page.keyboard.type('ada@contoso.example')
    await Promise.all([page.waitForURL(/sign-in/), page.keyboard.press('Enter')])
    expect(scripted.begun.at(-1)).eql({ idp: 'contoso', hints: { loginHint: 'ada@contoso.example' } })
    await Promise.all([page.waitForURL(`${callback}?**`), page.getByRole('button').press('Enter')])
    const code = new URL(page.url()).searchParams.get('code') ?? ''
    expect((await exchange(issuer.url, client, request, code)).status).equal(200)
    // Chromium tells of an answer of 400 by itself.
    expect(complaints.filter((text) => !text.includes('status of 400'))).eql([])
  })

  it('are remembered by the browser', async () => {
    await approve()
    await page.getByRole('button', { name: 'Partners of Contoso' }).click()
    await Promise.all([page.waitForURL(`${callback}?**`), page.getByRole('button').click()])
    await approve()
    const first = page.locator('.options button').first()
    expect((await first.textContent())?.replace(/\s+/g, ' ').trim()).equal('Partners of Contoso Last used')
    await lookAt(page, 'several-last-used')
  })

  it('send whoever lacks consent to an administrator, by a page that goes nowhere by itself', async () => {
    const { finish } = scripted
    scripted.finish = () =>
      Promise.reject(
        new LoginRefused('denied', 'AADSTS90094', {
          advice: {
            title: 'An administrator of Contoso must agree first',
            words: 'Contoso lets people use “Consulate” only after an administrator agreed for everybody.',
            remedy: 'Send the address below to your administrator. Connect again when they agreed.',
            link: { url: CONSENT, label: 'Agree as an administrator' },
          },
        }),
      )
    await approve({ login_hint: 'ada@contoso.example' })
    await Promise.all([page.waitForURL(/callback\/contoso/), page.getByRole('button').click()])
    scripted.finish = finish
    expect(await page.getByRole('heading', { level: 1 }).textContent()).equal(
      'An administrator of Contoso must agree first',
    )
    expect(await page.getByText(CONSENT).isVisible()).equal(true)
    await lookAt(page, 'several-advice')
    await page.waitForTimeout(300)
    expect(page.url()).includes('/callback/contoso')
    expect([foreign(), trapped]).eql([[], []])
    const left = page.waitForRequest(CONSENT)
    await page.route(CONSENT, (route) => route.fulfill({ contentType: 'text/html', body: '<title>Consent</title>' }))
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect((await left).headers()).not.property('referer')
  })

  it('have logos that run nothing and load nothing, also when one is opened by its address', async () => {
    const bare = await browser.newContext()
    try {
      const tab = await bare.newPage()
      await tab.goto(`${issuer.url}/assets/idps/odd`)
      await tab.waitForTimeout(300)
      expect(await tab.evaluate('document.documentElement.localName')).equal('svg')
      expect(await tab.evaluate(`document.documentElement.hasAttribute('data-ran')`)).equal(false)
      expect(await tab.evaluate('origin')).equal('null')
      expect(trapped).eql([])
    } finally {
      await bare.close()
    }
  })
})
