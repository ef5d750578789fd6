/** What becomes of the errors of Entra: a reason, words with who must act, a link, a challenge, a line for the log. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { IdpError } from '../../../adapters/code-flow.ts'
import { AADSTS } from '../../../adapters/entra/aadsts.ts'
import { challengeIn } from '../../../adapters/entra/graph.ts'
import { explainer, filled, refusesCredential } from '../../../adapters/entra/refusals.ts'
import type { Refusal } from '../../../src/adapter.ts'
import { newLogin } from '../../support/login.ts'
import { CLIENT_ID, entraLab, REDIRECT_URI, refused, signIn, TENANT } from './lab.ts'

/** The codes that the project promises to explain, with the reason and who must act. */
const PROMISED: [code: number, reason: Refusal, who: RegExp][] = [
  [50105, 'not_allowed', /administrator of your organisation must assign/],
  [53003, 'not_allowed', /administrator must look at the sign-in log/],
  [65001, 'not_allowed', /administrator of your organisation must consent/],
  [65004, 'denied', /connect again/],
  [90094, 'not_allowed', /administrator of your organisation must consent/],
  [50076, 'denied', /connect again/],
  [50079, 'denied', /Register your security information/],
  [500113, 'invalid', /people who run this server must add https:\/\/auth\.example\.com\/callback\/idp/],
  [50011, 'invalid', /people who run this server must add https:\/\/auth\.example\.com\/callback\/idp/],
  [7000215, 'invalid', /people who run this server/],
  [700016, 'invalid', /people who run this server/],
  [9010010, 'invalid', /people who run this server/],
  [700222, 'invalid', /people who run this server/],
  [900144, 'invalid', /people who run this server/],
]

const place = {
  authority: 'https://login.microsoftonline.com',
  tenant: TENANT,
  clientId: CLIENT_ID,
  redirectUri: new URL(REDIRECT_URI),
  scopes: ['openid', 'https://graph.microsoft.com/User.Read'],
}
const errorOf = (code: number, members: object = {}): IdpError => ({
  error: 'invalid_grant',
  description: `AADSTS${code}: Some words. Trace ID: 1 Correlation ID: 2 Timestamp: 3`,
  members: { error_codes: [code], ...members },
})

describe('the errors of Entra', () => {
  const lab = entraLab()
  const explain = explainer(place)

  describe('the table', () => {
    it('knows at least 30 codes, each once', () => {
      const codes = AADSTS.flatMap(({ codes: each }) => each)
      expect(codes.length).to.be.greaterThan(30)
      expect(new Set(codes).size).to.equal(codes.length)
    })

    for (const [code, reason, who] of PROMISED) {
      it(`explains AADSTS${code} as ${reason}, with who must act`, () => {
        const refusal = explain(errorOf(code))
        expect(refusal?.reason).to.equal(reason)
        expect(refusal?.advice?.remedy).to.match(who)
        expect(refusal?.message).to.match(new RegExp(`^AADSTS${code}: .*Trace ID: 1`))
      })
    }

    for (const { codes, cause, remedy, link } of AADSTS) {
      it(`has whole sentences about ${codes.map((code) => `AADSTS${code}`).join(', ')}`, () => {
        const text = filled(remedy, place)
        for (const sentence of [cause, text]) expect(sentence).to.match(/^[A-Z].*\.$/)
        expect(text).not.to.match(/[{}]/)
        for (const code of codes) {
          const advice = explain(errorOf(code))?.advice
          expect(advice).to.include({ words: cause, remedy: text })
          expect(advice?.link !== undefined).to.equal(link === 'consent')
        }
      })
    }

    it('is what the documentation shows', () => {
      const page = readFileSync(new URL('../../../docs/idps/entra.md', import.meta.url), 'utf8')
      const rows = page.split('\n').filter((line) => line.startsWith('| AADSTS'))
      const WHO = { user: 'the user', admin: 'an administrator of the tenant', operator: 'you', wait: 'nobody' }
      const expected = AADSTS.map(({ codes, act, cause, remedy }) => {
        const spoken = filled(remedy, { clientId: '`clientId`', redirectUri: new URL('https://x') })
        const shown = spoken.replaceAll('https://x/', 'the redirect URI')
        return `| ${codes.map((code) => `AADSTS${code}`).join(', ')} | ${cause} | ${WHO[act]} | ${shown} |`
      })
      expect(rows).to.deep.equal(expected)
    })
  })

  it('are about our credential, so that the other one is tried, when Entra does not take the federated token', () => {
    for (const code of [700211, 700213, 700222, 700226])
      expect(refusesCredential(errorOf(code)), String(code)).to.equal(true)
    for (const code of [65001, 9010010, 50105]) expect(refusesCredential(errorOf(code)), String(code)).to.equal(false)
    expect(explain(errorOf(700213))?.advice?.words).to.contain('No federated credential')
    expect(explain(errorOf(700222))?.advice?.words).to.contain('issued by Entra itself')
  })

  it('give the administrator a link to consent, of this tenant and this application', () => {
    const linkOf = (tenant: string) => new URL(explainer({ ...place, tenant })(errorOf(65001))?.advice?.link?.url ?? '')
    const url = linkOf(TENANT)
    expect(`${url.origin}${url.pathname}`).to.equal(`https://login.microsoftonline.com/${TENANT}/v2.0/adminconsent`)
    expect(Object.fromEntries(url.searchParams)).to.deep.equal({
      client_id: CLIENT_ID,
      scope: 'openid https://graph.microsoft.com/User.Read',
      redirect_uri: REDIRECT_URI,
    })
    for (const many of ['organizations', 'common']) expect(linkOf(many).pathname).to.match(/^\/organizations\//)
  })

  it('give no link that is not https', () => {
    const local = explainer({ ...place, authority: 'http://127.0.0.1:1' })
    expect(local(errorOf(65001))?.advice)
      .to.include.keys('words')
      .and.not.to.have.property('link')
  })

  it('that are not in the table keep the words of Entra for the log, and the general page', () => {
    expect(explain(errorOf(1234567))).to.equal(undefined)
    expect(explain({ error: 'access_denied', description: '', members: {} })).to.equal(undefined)
  })

  it('are found by error_codes when the description does not tell', () => {
    expect(explain({ ...errorOf(50105), description: '' })?.message).to.match(/^AADSTS50105/)
  })

  describe('at the redirect', () => {
    for (const [code, reason] of [
      [65004, 'denied'],
      [90094, 'not_allowed'],
      [50105, 'not_allowed'],
    ] as const) {
      it(`are explained: AADSTS${code}`, async () => {
        await lab.entra.set({ behaviour: { authorizeError: code } })
        const { advice } = await refused(signIn(lab, lab.open()), reason, new RegExp(`AADSTS${code}`))
        expect(advice?.remedy).to.be.a('string')
      })
    }

    it('are explained when an administrator must consent to a permission', async () => {
      const opened = lab.open({ groups: { from: 'graph', as: 'name' } })
      const { advice } = await refused(signIn(lab, opened), 'not_allowed', /AADSTS90094/)
      expect(advice?.link?.url).to.match(/\/adminconsent\?.*GroupMember\.Read\.All/)
    })

    it('count only with the state of this login', async () => {
      await lab.entra.set({ behaviour: { authorizeError: 65004 } })
      const other = (url: URL) => url.searchParams.set('state', newLogin().state)
      const { message } = await refused(signIn(lab, lab.open(), {}, other), 'invalid')
      expect(message).not.to.contain('AADSTS')
    })
  })

  describe('at the token endpoint', () => {
    for (const code of [50105, 53003, 65001, 700016, 9010010, 900144]) {
      it(`are explained: AADSTS${code}`, async () => {
        await lab.entra.set({ behaviour: { tokenError: code } })
        const { reason } = explain(errorOf(code)) ?? {}
        await refused(signIn(lab, lab.open()), reason ?? 'denied', new RegExp(`AADSTS${code}`))
      })
    }

    it('of the kind that the user did not take part in are an outage', async () => {
      await lab.entra.set({ behaviour: { tokenError: 90033 } })
      const { advice } = await refused(signIn(lab, lab.open()), 'unavailable', /AADSTS90033/)
      expect(advice?.remedy).to.contain('few minutes')
    })
  })

  describe('a claims challenge of Conditional Access', () => {
    it('is in the refusal, and a new sign-in that carries it is let in', async () => {
      await lab.entra.set({ behaviour: { conditionalAccess: 'second factor' } })
      const opened = lab.open()
      const { challenge } = await refused(signIn(lab, opened), 'denied', /AADSTS50076/)
      expect(JSON.parse(challenge ?? '')).to.have.property('access_token')
      expect((await signIn(lab, opened, { claims: challenge ?? '' })).subject).to.match(/000000000001$/)
    })

    it('is in the refusal of a re-check too', async () => {
      const opened = lab.open()
      const ada = await signIn(lab, opened)
      await lab.entra.set({ behaviour: { conditionalAccess: 'second factor' } })
      expect((await refused(opened.adapter.refresh?.(ada), 'denied')).challenge).to.contain('polids')
    })

    it('is read where Graph has one for us, at a sign-in and at a re-check', async () => {
      const opened = lab.open({ groups: { from: 'graph', cacheSeconds: 0 } })
      const ada = await signIn(lab, opened)
      await lab.entra.set({ behaviour: { graphDemands: true } })
      expect((await refused(opened.adapter.refresh?.(ada), 'denied', /Graph/)).challenge).to.contain('polids')
      const { challenge = '' } = await refused(signIn(lab, opened), 'denied', /Graph/)
      expect((await signIn(lab, opened, { claims: challenge })).subject).to.equal(ada.subject)
    })

    for (const [header, challenge] of [
      ['Bearer claims="eyJhIjp7fX0="', '{"a":{}}'],
      ['Bearer realm="x, claims=\\"bm8=\\"", error="insufficient_claims", claims="eyJhIjp7fX0"', '{"a":{}}'],
      ['Bearer error="insufficient_claims", claims="not base64!"', undefined],
      ['Bearer error="invalid_token"', undefined],
      ['Basic claims="eyJhIjp7fX0="', undefined],
    ] as const) {
      it(`is what Graph says by ${header}`, () => expect(challengeIn(header)).to.equal(challenge))
    }

    it('is passed on with an error that the table does not have, too', () => {
      const refusal = explain(errorOf(1234567, { claims: '{"id_token":{}}' }))
      expect(refusal).to.include({ reason: 'denied', challenge: '{"id_token":{}}' })
    })

    it('is passed on as it came, for the host to judge, and is nothing but text', () => {
      expect(explain(errorOf(50076, { claims: 'no json' }))?.challenge).to.equal('no json')
      for (const code of [50076, 1234567]) expect(explain(errorOf(code, { claims: 7 }))?.challenge).to.equal(undefined)
    })
  })

  it('never come from a resource parameter or a scope of the MCP client, since none is sent', async () => {
    await signIn(lab, lab.open())
    const requests = (await lab.entra.seen()).filter(({ path }) => path.includes('/oauth2/'))
    expect(requests).to.have.length(2)
    for (const { parameters } of requests) {
      expect(parameters).not.to.have.property('resource')
      expect(parameters.scope).to.equal('openid profile email offline_access https://graph.microsoft.com/User.Read')
    }
  })
})
