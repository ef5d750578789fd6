/** Whose users may sign in, by which token, and who they are (notes on multi-tenant Entra: tid, iss, nOAuth). */
import { expect } from 'chai'
import { tenantsOf } from '../../../adapters/entra/tenants.ts'
import { entra } from '../../../adapters/entra.ts'
import {
  CLIENT_ID,
  CLOUDS,
  discovering,
  entraLab,
  type Options,
  PARTNER_TENANT,
  PERSONAL_ACCOUNTS,
  refused,
  STRANGER_TENANT,
  signIn,
  TENANT,
} from './lab.ts'

const issuerOf = (tid: string) => `https://login.microsoftonline.com/${tid}/v2.0`
const ADA = '690222be-ff1a-4d56-abd1-000000000001'
const SEVERAL: Options = { tenant: 'organizations', tenants: [TENANT, PARTNER_TENANT] }

describe('the tenants of Entra', () => {
  const lab = entraLab()

  describe('one tenant', () => {
    it('signs in its users, named by tenant and object id', async () => {
      expect((await signIn(lab, lab.open())).subject).to.equal(`${TENANT}.${ADA}`)
    })

    it('may be named by a domain', async () => {
      expect((await signIn(lab, lab.open({ tenant: 'contoso.com' }))).subject).to.equal(`${TENANT}.${ADA}`)
    })

    it('shows users of another tenant the page of Entra, and none of them here', async () => {
      const failure = await signIn(lab, lab.open(), { loginHint: 'frida' }).catch((error: Error) => error)
      expect(String(failure)).to.contain('AADSTS50020')
    })

    it('that is not known is refused', async () => {
      await refused(signIn(lab, lab.open({ tenant: 'nobody.example' })), 'invalid')
    })

    it('takes a guest by the object id that they have there', async () => {
      const { subject } = await signIn(lab, lab.open(), { loginHint: 'gerda' })
      expect(subject).to.equal(`${TENANT}.690222be-ff1a-4d56-abd1-000000000003`)
    })
  })

  describe('guests', () => {
    it('may be refused, by the claim acct', async () => {
      await lab.entra.set({ people: { ada: { acct: 0 } } })
      const opened = lab.open({ guests: 'refuse' })
      await refused(signIn(lab, opened, { loginHint: 'gerda' }), 'not_allowed', /guests/)
      expect((await signIn(lab, opened)).subject).to.equal(`${TENANT}.${ADA}`)
    })

    it('are not told from members without that claim, so that everybody is refused', () =>
      refused(signIn(lab, lab.open({ guests: 'refuse' })), 'not_allowed', /acct/))
  })

  describe('several tenants', () => {
    it('sign in the users of those on the list, each by their own tenant', async () => {
      const opened = lab.open(SEVERAL)
      expect((await signIn(lab, opened)).subject).to.equal(`${TENANT}.${ADA}`)
      const { subject } = await signIn(lab, opened, { loginHint: 'frida' })
      expect(subject).to.equal(`${PARTNER_TENANT}.690222be-ff1a-4d56-abd1-000000000004`)
    })

    it('refuse a user of a tenant that is not on the list', () =>
      refused(signIn(lab, lab.open(SEVERAL), { loginHint: 'mallory' }), 'not_allowed', new RegExp(STRANGER_TENANT)))

    it('take the same e-mail address in two tenants for two people', async () => {
      await lab.entra.set({ people: { frida: { email: 'ada@contoso.com', username: 'ada@contoso.com' } } })
      const opened = lab.open(SEVERAL)
      const [ada, frida] = [await signIn(lab, opened), await signIn(lab, opened, { loginHint: 'frida' })]
      expect(frida.claims.email).to.equal(ada.claims.email)
      expect(frida.subject).not.to.equal(ada.subject)
    })

    it('without a list are all organisations, when it says anyTenant', async () => {
      const { subject } = await signIn(lab, lab.open({ tenant: 'organizations', anyTenant: true }), {
        loginHint: 'mallory',
      })
      expect(subject).to.match(new RegExp(`^${STRANGER_TENANT}\\.`))
    })

    for (const [words, idToken] of [
      ['with the tid of one tenant and the iss of another', { tid: PARTNER_TENANT, iss: issuerOf(TENANT) }],
      ['with the iss of one tenant and the tid of another', { tid: TENANT, iss: issuerOf(PARTNER_TENANT) }],
      ['without tid', { tid: null }],
      ['with a tid that is no GUID', { tid: 'contoso.com', iss: issuerOf('contoso.com') }],
      ['whose tid is the template', { tid: '{tenantid}', iss: issuerOf('{tenantid}') }],
      ['whose issuer is the template', { iss: issuerOf('{tenantid}') }],
      ['with a tid in capitals', { tid: TENANT.toUpperCase(), iss: issuerOf(TENANT.toUpperCase()) }],
      ['of another host', { iss: `https://login.evil.example/${TENANT}/v2.0` }],
      ['of the v1.0 endpoint', { iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0' }],
      ['without oid', { oid: null }],
    ] as const) {
      it(`refuse a token ${words}`, async () => {
        await lab.entra.set({ behaviour: { idToken } })
        await refused(signIn(lab, lab.open({ tenant: 'organizations', anyTenant: true })), 'invalid')
      })
    }

    for (const issuer of [issuerOf(TENANT), issuerOf(PERSONAL_ACCOUNTS), 'https://evil.example/{tenantid}/v2.0']) {
      it(`are refused when organizations is said to be ${issuer}`, async () => {
        const fetch = discovering(lab.entra.fetchFor(), { issuer })
        await refused(
          signIn(lab, lab.open({ tenant: 'organizations', anyTenant: true }, { fetch })),
          'invalid',
          /names the issuer/,
        )
      })
    }

    it('refuse a token of an organisation that is signed with the key of the personal accounts', async () => {
      await lab.entra.set({ behaviour: { signWith: 'personal' } })
      await refused(signIn(lab, lab.open(SEVERAL)), 'invalid', /key of another issuer/)
    })

    it('refuse a token whose key does not say whose it is', async () => {
      await lab.entra.set({ behaviour: { keysNameTheirIssuer: false } })
      await refused(signIn(lab, lab.open(SEVERAL)), 'invalid', /key of another issuer/)
    })
  })

  it('belong together in a token, whatever was checked before', () => {
    const authority = 'https://login.microsoftonline.com'
    const { admit } = tenantsOf({ tenant: 'organizations', allowPersonalAccounts: false, authority })
    const issuer = issuerOf('{tenantid}')
    const signingKey = { issuer: issuerOf('{tenantid}') }
    expect(admit({ claims: { iss: issuerOf(TENANT), tid: TENANT }, issuer, signingKey })).to.equal(TENANT)
    for (const [claims, discovered] of [
      [{ iss: issuerOf(TENANT), tid: PARTNER_TENANT }, issuer],
      [{ iss: issuerOf(TENANT), tid: TENANT }, issuerOf(PARTNER_TENANT)],
    ] as const) {
      expect(() => admit({ claims, issuer: discovered, signingKey })).to.throw('another tenant')
    }
  })

  describe('personal accounts', () => {
    const personal = {
      idToken: { tid: PERSONAL_ACCOUNTS, iss: issuerOf(PERSONAL_ACCOUNTS) },
      signWith: 'personal',
    } as const

    it('are refused at organizations, even with a token of theirs that is in order', async () => {
      await lab.entra.set({ behaviour: personal })
      await refused(signIn(lab, lab.open({ tenant: 'organizations', anyTenant: true })), 'not_allowed', /personal/)
    })

    for (const tenant of ['common', 'consumers']) {
      it(`sign in at ${tenant} when that is allowed`, async () => {
        await lab.entra.set({ behaviour: { signWith: 'personal' } })
        const options = { tenant, anyTenant: tenant === 'common', allowPersonalAccounts: true }
        const opened = lab.open({ ...options, groups: { from: 'none' } })
        const { subject } = await signIn(lab, opened, { loginHint: 'paula' })
        expect(subject).to.match(new RegExp(`^${PERSONAL_ACCOUNTS}\\.`))
      })
    }
  })

  describe('national clouds', () => {
    for (const [name, cloud] of Object.entries(CLOUDS)) {
      it(`work by authority: ${name}`, async () => {
        const opened = lab.open({ authority: cloud.authority, groups: { from: 'graph' } }, {}, cloud)
        const { subject, claims } = await signIn(lab, opened)
        expect(subject).to.equal(`${TENANT}.${ADA}`)
        expect(claims.groups).to.have.length(1)
      })
    }
  })

  describe('e-mail addresses', () => {
    for (const xms_edov of [true, 1, '1']) {
      it(`count when Entra says that their domain is verified, by ${JSON.stringify(xms_edov)}`, async () => {
        await lab.entra.set({ people: { ada: { xms_edov } } })
        const { claims } = await signIn(lab, lab.open())
        expect(claims).to.include({ email: 'ada@contoso.com', emailVerified: true })
      })
    }

    for (const xms_edov of [undefined, false, 0, '0', 'yes']) {
      it(`are left out otherwise (nOAuth), with xms_edov ${JSON.stringify(xms_edov)}`, async () => {
        const idToken = { xms_edov: xms_edov ?? null, email_verified: true, email: 'boss@contoso.com' }
        await lab.entra.set({ behaviour: { idToken } })
        const { claims } = await signIn(lab, lab.open())
        expect(claims).not.to.have.any.keys('email', 'emailVerified')
      })
    }

    it('change nothing about who somebody is', async () => {
      const before = await signIn(lab, lab.open())
      await lab.entra.set({
        people: { ada: { email: 'king@contoso.com', username: 'king@contoso.com', name: 'Ada King' } },
      })
      const after = await signIn(lab, lab.open())
      expect(after.subject).to.equal(before.subject)
      expect(after.claims.email).to.equal('king@contoso.com')
    })
  })

  describe('the settings', () => {
    const verdict = (options: Options) =>
      entra.options
        .safeParse({ tenant: TENANT, clientId: CLIENT_ID, clientSecret: 'x~y', ...options })
        .error?.issues.map(({ path }) => path.join('.')) ?? []

    it('allow personal accounts only when that is said', () => {
      expect(verdict({ tenant: 'common' })).to.deep.equal(['tenant'])
      expect(verdict({ tenant: 'consumers' })).to.deep.equal(['tenant'])
      expect(verdict({ tenant: 'organizations', tenants: [PERSONAL_ACCOUNTS] })).to.deep.equal(['tenants'])
      expect(verdict({ tenant: 'common', anyTenant: true, allowPersonalAccounts: true })).to.deep.equal([])
    })

    it('let in every tenant only when that is said, and not beside a list or one tenant', () => {
      for (const options of [{}, { anyTenant: false }]) {
        expect(verdict({ tenant: 'organizations', ...options })).to.deep.equal(['tenants'])
        expect(verdict({ tenant: 'common', allowPersonalAccounts: true, ...options })).to.deep.equal(['tenants'])
      }
      expect(verdict({ tenant: 'organizations', anyTenant: true })).to.deep.equal([])
      expect(verdict({ tenant: 'organizations', anyTenant: true, tenants: [TENANT] })).to.deep.equal(['anyTenant'])
      expect(verdict({ anyTenant: true })).to.deep.equal(['anyTenant'])
      expect(verdict({ tenant: 'consumers', allowPersonalAccounts: true })).to.deep.equal([])
    })

    it('take a list of tenants only where there are many, and only GUIDs in it', () => {
      expect(verdict({ tenants: [TENANT] })).to.deep.equal(['tenants'])
      expect(verdict({ tenant: 'organizations', tenants: ['contoso.com'] })).to.deep.equal(['tenants.0'])
      expect(verdict({ tenant: 'organizations', tenants: [] })).to.deep.equal(['tenants'])
    })

    it('take plain http for a host on this computer alone, when that is said', () => {
      const graph = 'http://127.0.0.1:9'
      expect(verdict({ authority: 'http://127.0.0.1:9', graph, allowInsecure: true })).to.deep.equal([])
      expect(verdict({ authority: 'http://127.0.0.1:9', graph })).to.deep.equal(['authority', 'graph'])
      expect(verdict({ authority: 'http://entra.example', allowInsecure: true, graph })).to.deep.equal(['authority'])
    })

    it('want the Graph host of a cloud that is not known', () => {
      const authority = 'https://login.sovereign.example'
      expect(verdict({ authority })).to.deep.equal(['graph'])
      expect(verdict({ authority, groups: { from: 'none' } })).to.deep.equal([])
    })
  })
})
