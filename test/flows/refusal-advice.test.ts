import { expect } from 'chai'
import { type Advice, LoginRefused } from '../../src/adapter.ts'
import type { Page } from '../../src/demo/driver.ts'
import { ERRORS } from '../../src/errors.ts'
import { type Registered, register } from '../support/client.ts'
import { approve, openConsent } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { attack } from '../support/page-models.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const LINK = { url: 'https://login.example.com/contoso/adminconsent?client_id=a&state=b', label: 'Give consent' }
const ADVICE: Advice = {
  title: 'An administrator must agree first',
  words: 'Contoso lets people use this server only after an administrator agreed.',
  remedy: 'Send the address below to your administrator, and connect again when they agreed.',
  link: LINK,
}

describe('the advice of an adapter that refuses a sign-in', () => {
  const scripted = scriptedIdps()
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      adapters: [scripted.type],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'contoso', type: 'scripted', name: 'Contoso' }] }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  /** The page on which a sign-in ends that the adapter refuses so. */
  async function refusedBy(error: Error): Promise<Page> {
    scripted.finish = async () => {
      throw error
    }
    const { browser, page, request } = await openConsent(issuer.url, client)
    const signIn = await approve({ browser, page, request })
    const [form] = signIn.forms
    const end = form && (await browser.submit(signIn, form))
    if (!end?.page) throw new Error('the browser went on by itself')
    return end.page
  }
  const refused = (advice: unknown) =>
    refusedBy(new LoginRefused('not_allowed', 'refused', { advice: advice as Advice }))
  const links = ({ html }: Page) => [...html.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, url]) => url)

  it('stands on the page in place of the general words, with the reference and the way back', async () => {
    const page = await refused(ADVICE)
    expect(page.status).to.equal(403)
    expect(page.title).to.include(ADVICE.title)
    for (const text of [ADVICE.words, ADVICE.remedy, LINK.label]) expect(page.html).to.include(text)
    for (const text of [ERRORS.idp_not_allowed.words, ERRORS.idp_not_allowed.remedy]) {
      expect(page.html).to.not.include(text)
    }
    expect(page.html).to.match(/Reference: <code>[0-9A-Z]{8}/)
    expect(page.html).to.include('error=access_denied')
  })

  it('has its link as a link and as an address to copy, and is followed by nobody but the reader', async () => {
    const page = await refused(ADVICE)
    const shown = LINK.url.replace('&', '&amp;')
    expect(links(page)[0]).to.equal(shown)
    expect(page.html).to.include(`<code>${shown}</code>`)
    expect(page.html.match(/<a [^>]*>/g)?.every((link) => link.includes('rel="noreferrer"'))).to.equal(true)
    expect(page.headers.has('refresh') || page.html.includes('http-equiv')).to.equal(false)
  })

  for (const url of [
    'http://login.example.com/consent',
    'javascript:alert(1)',
    'data:text/html,x',
    '//login.example.com/consent',
    '/register',
    'https://login.example.com@evil.example/consent',
    `https://login.example.com/${'x'.repeat(2048)}`,
    'not a URL',
    '',
  ]) {
    it(`has no link to ${url.slice(0, 40) || 'nothing'}`, async () => {
      const page = await refused({ ...ADVICE, link: { ...LINK, url } })
      expect(page.html).to.include(ADVICE.words).and.not.include('copy this address')
      expect(links(page)).to.have.length(1)
    })
  }

  it('names the host of a link as a browser will ask for it', async () => {
    const page = await refused({ ...ADVICE, link: { ...LINK, url: 'https://lоgin.example.com/consent' } })
    expect(page.html).to.include('<code>https://xn--lgin-55d.example.com/consent</code>')
  })

  it('is text, however hostile, on one line and of bounded length', async () => {
    const hidden = `a\u202eb\u0000c\nd ${attack} ${'x'.repeat(10_000)}`
    const page = await refused({ title: hidden, words: hidden, remedy: hidden, link: { ...LINK, label: hidden } })
    expect(page.html)
      .to.include('abc d &lt;script&gt;')
      .and.not.match(/<(script|img|svg|iframe)|\u202e|\0/)
    expect(page.html.length).to.be.below(10_000)
  })

  for (const [title, advice] of [
    ['nothing', undefined],
    ['a text', 'ask somebody'],
    ['null', null],
    ['words that are none', { title: 5, words: {}, remedy: '\u200b', link: 'https://login.example.com' }],
  ] as const) {
    it(`leaves the general words when it is ${title}`, async () => {
      const page = await refused(advice)
      expect(page.title).to.include(ERRORS.idp_not_allowed.title)
      expect(page.html).to.include(ERRORS.idp_not_allowed.words).and.not.include('undefined')
      expect(links(page)).to.have.length(1)
    })
  }

  const broken = (): never => {
    throw new Error('a getter of the adapter broke')
  }
  const getter = (name: string) => Object.defineProperty({}, name, { enumerable: true, get: broken })
  for (const [where, change] of [
    ['it', (error: Error) => Object.defineProperty(error, 'advice', { get: broken })],
    [
      'a part of it',
      (error: Error) => Object.assign(error, { advice: Object.assign(getter('words'), { title: ADVICE.title }) }),
    ],
    ['its link', (error: Error) => Object.assign(error, { advice: { ...ADVICE, link: getter('url') } })],
    ['a challenge beside it', (error: Error) => Object.defineProperty(error, 'challenge', { get: broken })],
    ['the message', (error: Error) => Object.defineProperty(error, 'message', { get: broken })],
    ['the cause', (error: Error) => Object.defineProperty(error, 'cause', { get: broken })],
    ['the reason beside it', (error: Error) => Object.defineProperty(error, 'reason', { get: broken })],
  ] as const) {
    it(`costs nobody more than the adapter's words when ${where} cannot be read`, async () => {
      const page = await refusedBy(change(new LoginRefused('not_allowed', 'refused')))
      const { title, status } = ERRORS[where.startsWith('the reason') ? 'idp_invalid' : 'idp_not_allowed']
      expect(page.status).to.equal(status)
      expect(page.title).to.include(title)
      expect(page.html)
        .to.match(/Reference: <code>[0-9A-Z]{8}/)
        .and.include('error=')
    })
  }

  it('is for the reader; the operator gets the message and its cause under the same reference', async () => {
    const cause = new Error('AADSTS90094: admin consent is required')
    const page = await refusedBy(new LoginRefused('denied', 'consent is missing', { advice: ADVICE, cause }))
    const reference = /Reference: <code>([^<]+)/.exec(page.html)?.[1]
    const line = issuer.logged.find((each) => each.reference === reference)
    expect(line?.causes).to.deep.equal([
      'the sign-in at contoso failed',
      'LoginRefused: consent is missing',
      'Error: AADSTS90094: admin consent is required',
    ])
    expect(page.html).to.not.include('consent is missing').and.not.include('AADSTS')
    expect(JSON.stringify(line)).to.not.include(ADVICE.words)
  })

  it('counts also when the sign-in could not be begun', async () => {
    const { type } = scripted
    const failing = await startIssuer({
      adapters: [
        {
          ...type,
          open: (...parts) => ({
            ...type.open(...parts),
            start: () => Promise.reject(new LoginRefused('unavailable', 'closed', { advice: ADVICE })),
          }),
        },
      ],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'contoso', type: 'scripted', name: 'Contoso' }] }),
    })
    const page = await approve(await openConsent(failing.url, await register(failing.url)))
    await failing.close()
    expect(page.status).to.equal(424)
    expect(page.title).to.include(ADVICE.title)
    expect(links(page)).to.have.length(1)
  })

  for (const reason of ['tired', 'constructor', '__proto__', 5]) {
    it(`does not make ${reason}, which is no known reason, a fault of ours`, async () => {
      const page = await refusedBy(new LoginRefused(reason as 'denied', 'of a newer contract'))
      expect(page.status).to.equal(400)
      expect(page.title).to.include(ERRORS.idp_invalid.title)
    })
  }
})
