import { expect } from 'chai'
import { type Hints, LoginRefused, type RefusedOptions } from '../../src/adapter.ts'
import { Browser, type Page } from '../../src/demo/driver.ts'
import { exchange, type Registered, register } from '../support/client.ts'
import { approve, type Consent, openConsent } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const TOO_LONG = 'is longer than 4096 characters in an address'
const CHALLENGE = '{"id_token":{"acrs":{"essential":true,"value":"c1"}}}'

describe('the claims challenge of an IdP', () => {
  const scripted = scriptedIdps()
  let issuer: TestIssuer
  let client: Registered
  let challenges: unknown[]
  let seen: Hints[]

  before(async () => {
    issuer = await startIssuer({
      adapters: [scripted.type],
      config: (defaults) => ({
        ...defaults,
        idps: ['contoso', 'partners'].map((id) => ({ id, type: 'scripted', name: id, domains: [`${id}.example`] })),
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())
  beforeEach(() => {
    challenges = [CHALLENGE]
    seen = []
    scripted.begun.length = 0
    // Demands each of the challenges in turn, and is content afterwards.
    scripted.finish = async (idp, { hints }) => {
      seen.push(hints)
      const challenge = challenges.shift()
      if (challenge === undefined) return { subject: 'ada', claims: { groups: [] } }
      throw new LoginRefused('denied', `${idp} wants more`, { challenge } as RefusedOptions)
    }
  })

  interface Stand extends Consent {
    readonly page: Page
  }

  /** A browser that approved and stands before the sign-in form of an IdP. */
  async function begin(): Promise<Stand> {
    const consent = await openConsent(issuer.url, client, {
      login_hint: 'ada@contoso.example',
      prompt: 'login',
    })
    return { ...consent, page: await approve(consent) }
  }

  async function submit({ browser, page }: Pick<Stand, 'browser' | 'page'>) {
    const [form] = page.forms
    if (!form) throw new Error('no form')
    return browser.submit(page, form)
  }

  /** What the browser is sent to next, without going there. */
  async function answer({ browser, page }: Stand): Promise<Response> {
    const [form] = page.forms
    if (!form) throw new Error('no form')
    const response = await fetch(form.action, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: browser.cookies.header(form.action) ?? '', accept: 'text/html' },
      body: new URLSearchParams(form.values),
    })
    browser.cookies.store(form.action, response.headers)
    return response
  }

  it('begins the sign-in anew with what it demands, without a new consent, and ends in a good code', async () => {
    const stand = await begin()
    const again = await submit(stand)
    if (!again.page) throw new Error('no second sign-in')
    expect(again.page.title).to.include('Sign-in of contoso')
    const hints = { loginHint: 'ada@contoso.example', prompt: 'login' } as const
    expect(scripted.begun.map((each) => each.hints)).to.deep.equal([hints, { ...hints, claims: CHALLENGE }])
    const { url } = await submit({ ...stand, page: again.page })
    expect(seen[1]?.claims).to.equal(CHALLENGE)
    const { status } = await exchange(issuer.url, client, stand.request, url.searchParams.get('code') ?? '')
    expect(status).to.equal(200)
  })

  it('is followed once: the second one of an interaction is a page', async () => {
    challenges = [CHALLENGE, CHALLENGE, CHALLENGE]
    const stand = await begin()
    const { page: again } = await submit(stand)
    const { page: end } = again ? await submit({ ...stand, page: again }) : {}
    expect([end?.status, scripted.begun.length]).to.deep.equal([403, 2])
    expect(end?.html).to.include('error=access_denied')
    const causes = JSON.stringify(issuer.logged.at(-1)?.causes)
    expect(causes).to.include('its challenge is the second one of this interaction')
  })

  it('is followed once also when two tabs of one interaction get one each', async () => {
    challenges = [CHALLENGE, CHALLENGE]
    const stand = await begin()
    const chooser = await stand.browser.open(new URL(`${new URL(stand.page.url).pathname}/../choose`, stand.page.url))
    const [form] = chooser.page?.forms ?? []
    if (!chooser.page || !form) throw new Error('no chooser')
    const other = await stand.browser.submit(chooser.page, form, { name: 'idp', value: 'partners' })
    if (!other.page) throw new Error('no sign-in in the second tab')
    const answers = await Promise.all([answer(stand), answer({ ...stand, page: other.page })])
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([303, 403])
  })

  it('leads to nothing in another browser', async () => {
    const stand = await begin()
    const response = await answer(stand)
    expect(response.status).to.equal(303)
    const next = new URL(response.headers.get('location') ?? '', issuer.url)
    expect((await new Browser().open(next)).page?.status).to.equal(400)
    const { begun } = scripted
    expect(begun).to.have.length(1)
    // Nor can one that stands in the middle of a sign-in of its own take it over.
    const other = await begin()
    const mixed = new URL(other.page.url)
    mixed.search = next.search
    expect((await other.browser.open(mixed)).page?.status).to.equal(403)
    expect((await stand.browser.open(next)).page?.status).to.equal(200)
    expect(begun.map(({ hints }) => hints.claims)).to.deep.equal([undefined, undefined, CHALLENGE])
  })

  it('spends the sign-in that it answers', async () => {
    const stand = await begin()
    expect((await answer(stand)).status).to.equal(303)
    expect((await answer(stand)).status).to.equal(400)
    expect(seen).to.have.length(1)
  })

  it('does not outlive the interaction', async () => {
    const stand = await begin()
    const response = await answer(stand)
    issuer.advance(601_000)
    const late = await stand.browser.open(new URL(response.headers.get('location') ?? '', issuer.url))
    issuer.advance(-601_000)
    expect(late.page?.status).to.equal(400)
    expect(scripted.begun).to.have.length(1)
  })

  for (const [title, challenge, fault] of [
    ['no JSON', '{"id_token":', 'is no JSON object'],
    ['a list', '[{"id_token":{}}]', 'is no JSON object'],
    ['a text', '"id_token"', 'is no JSON object'],
    ['null', 'null', 'is no JSON object'],
    ['empty', '', 'is no JSON object'],
    ['an object and no text', { id_token: {} }, 'is no text'],
    ['too long for an address', JSON.stringify({ id_token: '{'.repeat(1400) }), TOO_LONG],
  ] as const) {
    it(`is not followed when it is ${title}`, async () => {
      challenges = [challenge]
      const { page } = await submit(await begin())
      expect([page?.status, scripted.begun.length]).to.deep.equal([403, 1])
      const { causes } = issuer.logged.at(-1) ?? {}
      expect(causes).to.deep.equal([
        `the sign-in at contoso failed, and its challenge ${fault}`,
        'LoginRefused: contoso wants more',
      ])
    })
  }
})
