import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import { exchange, type Registered, refresh, register, signIn } from '../support/client.ts'
import { approve, type Consent, offered, openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const IDPS = [
  { id: 'staff', type: 'scripted', name: 'Staff', domains: ['staff.example'] },
  { id: 'guests', type: 'scripted', name: 'Guests', domains: ['guests.example'] },
  { id: 'dev', type: 'dev', name: 'Development' },
]

describe('the IdPs that a server allows', () => {
  const scripted = scriptedIdps()
  const types = [...adapters, scripted.type]
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      adapters: types,
      config: (defaults, url) => ({
        ...defaults,
        idps: IDPS,
        resources: [['staff'], ['staff', 'dev'], undefined].map((idps, index) => ({
          resource: `${url}/${index}/mcp`,
          name: `Server ${index}`,
          scopes: { use: 'Use it' },
          defaultScopes: ['use'],
          idps,
        })),
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  const consent = (server: number, changes: Record<string, string> = {}) =>
    openConsent(issuer.url, client, { resource: `${issuer.url}/${server}/mcp`, ...changes })

  /** Approves, then posts this choice whatever the page offers. Answers the status and where the browser is sent. */
  async function choose(open: Consent, form: Record<string, string>) {
    await press(open.browser, open.page)
    const [first] = open.page.forms
    if (!first) throw new Error('no form')
    const choice = { ...open.page, forms: [{ ...first, action: new URL(`${first.action.href}/choose`) }] }
    const { status, headers } = await press(open.browser, choice, { form: { decision: '', ...form } })
    open.browser.cookies.store(first.action, headers)
    return { status, location: headers.get('location') }
  }

  it('are all that the chooser offers', async () => {
    const of = async (server: number) => offered(await approve(await consent(server)))
    expect(await of(1)).to.deep.equal(['staff', 'dev'])
    expect(await of(2)).to.deep.equal(['staff', 'guests', 'dev'])
  })

  it('make a chooser needless when there is one', async () => {
    const open = await consent(0)
    expect(open.page.html).to.match(/Approve takes you to <strong><bdi>Staff/)
    expect((await approve(open)).title).to.include('Sign-in of staff')
  })

  for (const server of [0, 1]) {
    it(`are all that a form may name, by id or by address, at server ${server}`, async () => {
      expect((await choose(await consent(server), { idp: 'guests' })).status).to.equal(400)
      const address = { decision: 'address', email: 'ada@guests.example' }
      expect((await choose(await consent(server), address)).status).to.equal(400)
      expect((await choose(await consent(server), { idp: 'staff' })).status).to.equal(303)
    })
  }

  it('are all that a login_hint leads to', async () => {
    const hint = { login_hint: 'ada@guests.example' }
    expect((await approve(await consent(0, hint))).title).to.include('Sign-in of staff')
    expect((await approve(await consent(1, hint))).title).to.include('Choose where to sign in')
    expect((await approve(await consent(2, hint))).title).to.include('Sign-in of guests')
  })

  it('are all that the address of a sign-in may name', async () => {
    const from = await consent(2)
    const { request } = await consent(1)
    const { page } = await from.browser.open(request.url)
    if (!page) throw new Error('no second consent page')
    const begun = await choose(from, { idp: 'guests' })
    await approve({ ...from, page })
    const forged = new URL(begun.location ?? '', page.url)
    forged.pathname = forged.pathname.replace(from.page.url.pathname, page.url.pathname)
    expect((await from.browser.open(forged)).page?.status).to.equal(400)
  })

  for (const [idp, status] of [
    ['guests', 403],
    ['staff', 303],
  ] as const) {
    it(`count at the callback too: a sign-in begun before the configuration changed ends with ${status} for ${idp}`, async () => {
      const open = await consent(2)
      const { location } = await choose(open, { idp })
      const page = (await open.browser.open(new URL(location ?? '', open.page.url))).page
      const [form] = page?.forms ?? []
      if (!form) throw new Error('no sign-in form')
      // The next version of the configuration, on the same data.
      const next = await startIssuer({
        adapters: types,
        store: () => issuer.store,
        config: (defaults) => ({
          ...defaults,
          idps: IDPS,
          resources: issuer.config.resources.map((resource) => ({ ...resource, idps: ['staff'] })),
        }),
      })
      const grants = await issuer.store.count('Grant')
      const response = await fetch(new URL(form.action.pathname, next.url), {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: open.browser.cookies.header(form.action) ?? '', accept: 'text/html' },
        body: new URLSearchParams(form.values),
      })
      const html = await response.text()
      await next.close()
      expect(response.status).to.equal(status)
      expect(await issuer.store.count('Grant')).to.equal(grants + (status === 303 ? 1 : 0))
      if (status === 403) {
        expect(html).to.include('Your account may not use this').and.include('error=access_denied')
        expect(JSON.stringify(next.logged.at(-1)?.causes)).to.include('is not for users of guests')
        expect(response.headers.getSetCookie().join()).to.not.include('last_idp')
      }
    })
  }

  for (const [what, resourceIdps, idps] of [
    ['that the server does not allow any more', ['staff'], IDPS],
    ['that is not configured any more', undefined, IDPS.filter(({ id }) => id !== 'dev')],
  ] as const) {
    it(`end what was connected by an IdP ${what}`, async () => {
      const { request, browser } = await consent(1)
      const back = await signIn(request, { buttons: { idp: 'dev', persona: 'ada' } }, browser)
      const resource = `${issuer.url}/1/mcp`
      const { body } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '', { resource })
      const next = await startIssuer({
        adapters: types,
        store: () => issuer.store,
        config: (defaults) => ({
          ...defaults,
          idps: [...idps],
          resources: issuer.config.resources.map((each) => ({ ...each, idps: resourceIdps && [...resourceIdps] })),
        }),
      })
      const refused = await refresh<{ error: string }>(next.url, client, body.refresh_token)
      await next.close()
      expect([refused.status, refused.body.error]).to.deep.equal([400, 'invalid_grant'])
      expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(200)
    })
  }

  it('know one person with one e-mail address as two, one for each', async () => {
    const subjects: string[] = []
    for (const idp of ['staff', 'guests', 'dev', 'staff']) {
      const { request, browser } = await consent(2, { scope: 'openid use' })
      const back = await signIn(request, { buttons: { idp, persona: 'ada' } }, browser)
      const resource = `${issuer.url}/2/mcp`
      const { body } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '', { resource })
      const claims = (token = '') => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
      expect(claims(body.id_token)).to.include({ email: 'ada@example.com', sub: claims(body.access_token).sub })
      subjects.push(claims(body.access_token).sub)
    }
    expect(new Set(subjects).size).to.equal(3)
    expect(subjects[0]).to.equal(subjects[3])
  })
})
