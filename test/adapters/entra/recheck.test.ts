/** What becomes of a user after the sign-in: re-checks with the refresh token, and every way in which access ends. */
import { expect } from 'chai'
import type { Fetch, Identity, Refusal } from '../../../src/adapter.ts'
import { newLogin } from '../../support/login.ts'
import {
  type Change,
  type Directory,
  ENGINEERING,
  entraLab,
  GLOBAL,
  NEWSLETTER,
  type Opened,
  PARTNER_TENANT,
  refused,
  signIn,
  TENANT,
} from './lab.ts'

describe('a re-check of a user of Entra', () => {
  const lab = entraLab()
  let opened: Opened
  let ada: Identity

  beforeEach(async () => {
    opened = lab.open({ groups: { cacheSeconds: 0 } })
    ada = await signIn(lab, opened)
  })

  const refresh = (identity = ada) => opened.adapter.refresh?.(identity)

  it('is possible because offline_access was asked for and the refresh token kept', async () => {
    const step = await opened.adapter.start(newLogin())
    expect(step.kind === 'redirect' && step.url.searchParams.get('scope')).to.contain('offline_access')
    expect(ada.secret).to.be.a('string')
  })

  it('is not there, and nothing kept, when the configuration says so', async () => {
    const without = lab.open({ recheck: false })
    const step = await without.adapter.start(newLogin())
    expect(step.kind === 'redirect' && step.url.searchParams.get('scope')).not.to.contain('offline_access')
    expect(await signIn(lab, without)).not.to.have.property('secret')
    expect(without.adapter).not.to.have.property('refresh')
  })

  it('says who they are now: name, groups, and the next refresh token', async () => {
    await lab.entra.set({ people: { ada: { name: 'Ada King', groups: [ENGINEERING, NEWSLETTER] } } })
    const now = await refresh()
    expect(now?.subject).to.equal(ada.subject)
    expect(now?.claims).to.include({ name: 'Ada King' })
    expect(now?.claims.groups).to.deep.equal([ENGINEERING, NEWSLETTER])
    expect(now?.secret).to.be.a('string').and.not.equal(ada.secret)
    expect((await refresh(now))?.subject).to.equal(ada.subject)
  })

  it('renews groups that come from Graph, whatever is remembered of the sign-in', async () => {
    await lab.entra.set({ behaviour: { overageAbove: 0 } })
    opened = lab.open({ groups: { cacheSeconds: 3600 } })
    ada = await signIn(lab, opened)
    await lab.entra.set({ people: { ada: { groups: [NEWSLETTER] } } })
    expect((await refresh())?.claims.groups).to.deep.equal([NEWSLETTER])
    expect((await signIn(lab, opened)).claims.groups).to.deep.equal([NEWSLETTER])
  })

  const endings: [words: string, reason: Refusal, change: Change<Directory>, message: RegExp][] = [
    ['their account is disabled', 'not_allowed', { people: { ada: { disabled: true } } }, /AADSTS50057/],
    ['their sessions are revoked', 'denied', { people: { ada: { ended: 'revoked' } } }, /AADSTS50173/],
    ['their password is reset', 'denied', { people: { ada: { ended: 'password' } } }, /AADSTS50133/],
    ['they were away too long', 'denied', { people: { ada: { ended: 'expired' } } }, /AADSTS700082/],
    [
      'their assignment is taken away',
      'not_allowed',
      { app: { assignmentRequired: true }, people: { ada: { assigned: false } } },
      /AADSTS50105/,
    ],
    ['Conditional Access blocks them', 'not_allowed', { behaviour: { conditionalAccess: 'block' } }, /AADSTS53003/],
    [
      'Conditional Access asks for more',
      'denied',
      { behaviour: { conditionalAccess: 'second factor' } },
      /AADSTS50076/,
    ],
  ]
  for (const [words, reason, change, message] of endings) {
    it(`ends access when ${words}, for them alone`, async () => {
      const grace = await signIn(lab, opened, { loginHint: 'grace' })
      await lab.entra.set(change)
      await refused(refresh(), reason, message)
      if (change.people) expect((await refresh(grace))?.subject).to.equal(grace.subject)
    })
  }

  it('ends access when the refresh token is not known any more', () =>
    refused(refresh({ ...ada, secret: 'unknown' }), 'denied', /AADSTS70000/))

  it('ends access when their tenant is taken off the list', async () => {
    const options = { tenant: 'organizations', tenants: [PARTNER_TENANT, TENANT] }
    const before = lab.open(options)
    const frida = await signIn(lab, before, { loginHint: 'frida' })
    const after = lab.open({ ...options, tenants: [TENANT] })
    await refused(after.adapter.refresh?.(frida), 'not_allowed', /list of tenants/)
  })

  for (const [words, change] of [
    ['is down', { behaviour: { down: 503 } }],
    ['throttles', { behaviour: { down: 429 } }],
    ['has a fault of its own (AADSTS90033)', { behaviour: { tokenError: 90033 } }],
  ] as const) {
    it(`leaves access as it is while Entra ${words}`, async () => {
      await lab.entra.set(change)
      await refused(refresh(), 'unavailable')
    })
  }

  const overage = { overageAbove: 0 }
  for (const [words, change, message] of [
    ['the application is disabled', { tenants: { [TENANT]: { appDisabled: true } } }, /AADSTS7000112/],
    ['the consent of the organisation is gone (AADSTS65001)', { behaviour: { tokenError: 65001 } }, /AADSTS65001/],
    ['a permission needs consent now (AADSTS90094)', { behaviour: { tokenError: 90094 } }, /AADSTS90094/],
    ['Graph takes our token for none (401)', { behaviour: { ...overage, graphStatus: 401 } }, /Graph.*401/],
    ['we may not ask Graph any more (403)', { behaviour: { ...overage, graphStatus: 403 } }, /Graph.*403/],
  ] as const) {
    it(`leaves access as it is, because it is about nobody in particular, when ${words}`, async () => {
      await lab.entra.set(change)
      await refused(refresh(), 'unavailable', message)
    })
  }

  for (const graphStatus of [403, 404, 500]) {
    it(`leaves access as it is when Graph does not say whether somebody is in no group (${graphStatus})`, async () => {
      await lab.entra.set({ people: { ada: { groups: [] } }, behaviour: { graphStatus } })
      await refused(refresh(), 'unavailable', /Graph/)
      await lab.entra.set({ behaviour: { graphStatus: 200 } })
      expect((await refresh())?.claims.groups).to.deep.equal([])
    })
  }

  it('leaves access as it is when Graph hides what groups are called', async () => {
    await lab.entra.set({ app: { consented: ['User.Read', 'GroupMember.Read.All'] } })
    const fetch = lab.entra.fetchFor()
    let hidden = false
    const hiding: Fetch = async (url, init) => {
      const response = await fetch(url, init)
      if (!hidden || !String(url).startsWith(GLOBAL.graph)) return response
      return new Response((await response.text()).replace('"Engineering"', 'null'))
    }
    opened = lab.open({ groups: { from: 'graph', as: 'name', cacheSeconds: 0 } }, { fetch: hiding })
    ada = await signIn(lab, opened)
    hidden = true
    await refused(refresh(), 'unavailable', /GroupMember\.Read\.All/)
  })

  it('ends access of guests who may not sign in any more, and of nobody when the claim that tells is gone', async () => {
    await lab.entra.set({ people: { ada: { acct: 0 } } })
    opened = lab.open({ guests: 'refuse' })
    ada = await signIn(lab, opened)
    await lab.entra.set({ behaviour: { idToken: { acct: 1 } } })
    await refused(refresh(), 'not_allowed', /guests/)
    await lab.entra.set({ behaviour: { idToken: { acct: null } } })
    await refused(refresh(), 'unavailable', /acct/)
  })

  it('leaves access as it is when Entra cannot be reached', async () => {
    const fetch = lab.entra.fetchFor()
    let down = false
    opened = lab.open({}, { fetch: (url, init) => (down ? Promise.reject(new Error('no route')) : fetch(url, init)) })
    ada = await signIn(lab, opened)
    down = true
    await refused(refresh(), 'unavailable')
  })

  it('leaves access as it is when it is our own credential that has expired', async () => {
    await lab.entra.set({ app: { secrets: [] } })
    await refused(refresh(), 'invalid', /AADSTS7000215/)
  })

  it('cannot be made of somebody without a refresh token', async () => {
    const { secret: _, ...without } = ada
    await refused(refresh(without), 'unavailable', /no refresh token/)
  })

  for (const [words, idToken] of [
    ['another person', { oid: '690222be-ff1a-4d56-abd1-000000000099' }],
    ['another tenant', { tid: PARTNER_TENANT }],
    ['another application', { aud: 'fa15d692-e9c7-4460-a743-29f29522229e' }],
    ['another time', { iat: 1_000_000 }],
  ] as const) {
    it(`refuses an answer that is about ${words}`, async () => {
      await lab.entra.set({ behaviour: { idToken } })
      await refused(refresh(), 'invalid')
    })
  }

  it('refuses an answer signed with a key of another issuer', async () => {
    await lab.entra.set({ behaviour: { signWith: 'personal' } })
    await refused(refresh(), 'invalid')
  })

  it('gives the refresh token away in no refusal', async () => {
    for (const change of [{ behaviour: { tokenError: 50173 } }, { behaviour: { tokenError: 0, down: 500 } }] as const) {
      await lab.entra.set(change)
      const refusal = await refresh()?.catch((error: Error) => error)
      expect(JSON.stringify([String(refusal), refusal])).not.to.contain(ada.secret)
    }
  })
})
