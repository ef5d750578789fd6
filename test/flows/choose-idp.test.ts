import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import type { Page } from '../../src/demo/driver.ts'
import { type Registered, register } from '../support/client.ts'
import { approve, type Consent, offered, openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const ADDRESS = 'ada@contoso.example'

describe('choosing where to sign in', () => {
  const scripted = scriptedIdps()
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      adapters: [...adapters, scripted.type],
      config: (defaults, url) => ({
        ...defaults,
        idps: [
          { id: 'partners', type: 'scripted', name: 'Partners', domains: ['partners.example'] },
          { id: 'contoso', type: 'scripted', name: 'Contoso', domains: ['contoso.example', 'xn--bcher-kva.example'] },
          { id: 'dev', type: 'dev', name: 'Development' },
        ],
        resources: [
          ...(defaults.resources ?? []),
          ...['contoso', 'dev'].map((idp) => ({
            resource: `${url}/${idp}/mcp`,
            name: `Not for ${idp}`,
            scopes: { use: 'Use it' },
            defaultScopes: ['use'],
            idps: ['contoso', 'dev', 'partners'].filter((each) => each !== idp),
          })),
        ],
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())
  beforeEach(() => {
    scripted.begun.length = 0
  })

  const demo = () => ({ resource: `${issuer.url}/demo/mcp` })

  async function chooser(changes: Record<string, string> = {}): Promise<Consent> {
    const consent = await openConsent(issuer.url, client, { ...demo(), ...changes })
    return { ...consent, page: await approve(consent) }
  }

  /** Types an address into the chooser and presses Continue, or the button of an IdP. */
  async function answer({ browser, page }: Consent, email: string, idp?: string): Promise<Page> {
    const [form] = page.forms
    const button = idp === undefined ? { name: 'decision', value: 'address' } : { name: 'idp', value: idp }
    const next = form && (await browser.submit(page, form, button, { email }))
    if (!next?.page) throw new Error('no page after the chooser')
    return next.page
  }

  describe('by an e-mail address', () => {
    it('goes to the IdP that has its domain, and passes the address on', async () => {
      expect((await answer(await chooser(), ` ${ADDRESS} `)).title).to.include('Sign-in of contoso')
      expect(scripted.begun).to.deep.equal([{ idp: 'contoso', hints: { loginHint: ADDRESS } }])
    })

    for (const address of ['Ada.Lovelace+mcp@Contoso.EXAMPLE', 'ada@bücher.example', 'ada@XN--BCHER-KVA.example']) {
      it(`knows the domain of ${address}`, async () => {
        expect((await answer(await chooser(), address)).title).to.include('Sign-in of contoso')
      })
    }

    for (const address of [
      'ada@other.example',
      'ada@evil-contoso.example',
      'ada@mail.contoso.example',
      'ada@example',
    ]) {
      it(`says in words that nobody knows the domain of ${address}, and keeps the page`, async () => {
        const open = await chooser()
        const page = await answer(open, address)
        expect(page.status).to.equal(400)
        expect(page.html).to.include('The part after the @ belongs to none of the sign-ins below').and.include(address)
        expect((await answer({ ...open, page }, ADDRESS)).title).to.include('Sign-in of contoso')
      })
    }

    for (const address of [
      ...['', 'ada', '@contoso.example', 'a@b@contoso.example', `${'a'.repeat(65)}@contoso.example`],
      // What a URL parser would take for the host of a longer address, or spell anew.
      ...['/x', '#', '?x', '\\x', ':', ':443', '.'].map((rest) => `ada@contoso.example${rest}`),
      ...['%63ontoso.example', '[::1]', '127.1', '-contoso.example', 'contoso..example', '_.contoso.example'].map(
        (domain) => `ada@${domain}`,
      ),
    ]) {
      it(`says in words that “${address.slice(0, 25)}” is no address`, async () => {
        const page = await answer(await chooser(), address)
        expect([page.status, scripted.begun]).to.deep.equal([400, []])
        expect(page.html).to.include('This is not an e-mail address')
      })
    }

    it('says the same about everybody of a domain, so that nobody learns who has an account', async () => {
      const told = async (address: string) => {
        const { html } = await answer(await chooser(), address)
        return html.replaceAll(address, '').replace(/[\w-]{20,}/g, '')
      }
      expect(await told('ada@contoso.example')).to.equal(await told('nobody@contoso.example'))
      expect(await told('ada@other.example')).to.equal(await told('nobody@other.example'))
    })

    it('shows a huge address again only in part, and as text', async () => {
      const page = await answer(await chooser(), `"><script>${'x'.repeat(4000)}`)
      expect(page.status).to.equal(400)
      expect(page.html)
        .to.not.include('<script>')
        .and.not.match(/x{300}/)
    })

    it('takes no IdP that the server is not for', async () => {
      const page = await answer(await chooser({ resource: `${issuer.url}/contoso/mcp` }), ADDRESS)
      expect([page.status, scripted.begun]).to.deep.equal([400, []])
    })

    it('keeps an address from an IdP that it has nothing to do with', async () => {
      await answer(await chooser(), ADDRESS, 'partners')
      await answer(await chooser(), 'ada@elsewhere.example', 'partners')
      expect(scripted.begun.map(({ hints }) => hints)).to.deep.equal([{}, { loginHint: 'ada@elsewhere.example' }])
    })

    for (const hint of ['ada@contoso.example.', 'Ada <ada@contoso.example>', `${'a'.repeat(100)}@contoso.example`]) {
      it(`keeps the hint ${hint.slice(0, 26)} of a client, whose domain cannot be read, from all of several`, async () => {
        await answer(await chooser({ login_hint: hint }), '', 'partners')
        expect(scripted.begun.map(({ hints }) => hints)).to.deep.equal([{}])
      })
    }

    it('leaves no address in the log', async () => {
      await answer(await chooser(), ADDRESS)
      await answer(await chooser(), 'ada@other.example')
      expect(JSON.stringify(issuer.logged)).to.not.include('ada@')
    })

    it('is not offered when no IdP of the server has a domain', async () => {
      const bare = await startIssuer({
        config: (defaults) => ({
          ...defaults,
          idps: ['one', 'two'].map((id) => ({ id, type: 'dev', name: id })),
        }),
      })
      const page = await approve(await openConsent(bare.url, await register(bare.url)))
      await bare.close()
      expect(page.forms[0]?.inputs).to.deep.equal([])
    })
  })

  describe('by the login_hint of the client', () => {
    it('asks for consent, says where Approve leads, and goes straight there', async () => {
      const consent = await openConsent(issuer.url, client, { ...demo(), login_hint: ADDRESS })
      expect(consent.page.title).to.include('Test client')
      expect(consent.page.html).to.match(/Approve takes you to <strong><bdi>Contoso/)
      expect(scripted.begun).to.deep.equal([])
      expect((await approve(consent)).title).to.include('Sign-in of contoso')
      expect(scripted.begun).to.deep.equal([{ idp: 'contoso', hints: { loginHint: ADDRESS } }])
    })

    for (const hint of ['ada', 'ada@other.example', `${'a'.repeat(300)}@contoso.example`]) {
      it(`shows the chooser for ${hint.slice(0, 20)}`, async () => {
        const page = (await chooser({ login_hint: hint })).page
        expect(page.title).to.include('Choose where to sign in')
        expect(page.forms[0]?.values.email).to.equal(hint.slice(0, 256))
      })
    }

    it('leaves the choice to whoever comes back from there', async () => {
      const consent = await openConsent(issuer.url, client, { ...demo(), login_hint: ADDRESS })
      await approve(consent)
      const { page } = await consent.browser.open(consent.page.url)
      expect(page?.html).to.include('After you approve, you choose where to sign in')
      expect((await approve({ ...consent, page: page ?? consent.page })).title).to.include('Choose where to sign in')
    })

    it('leads to no IdP that the server is not for', async () => {
      const { page } = await chooser({ login_hint: ADDRESS, resource: `${issuer.url}/contoso/mcp` })
      expect(offered(page)).to.deep.equal(['partners', 'dev'])
    })
  })

  it('can be cancelled, also with half an address typed', async () => {
    const { browser, page } = await chooser()
    const response = await press(browser, page, { form: { decision: 'cancel', email: 'ada@' } })
    expect(response.status).to.equal(303)
    expect(new URL(response.headers.get('location') ?? '').searchParams.get('error')).to.equal('access_denied')
  })
})
