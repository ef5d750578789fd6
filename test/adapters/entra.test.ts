import { expect } from 'chai'
import { entra } from '../../adapters/entra.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { newKey } from '../support/fake-idp.ts'
import { newLogin } from '../support/login.ts'

const TENANT = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
const OTHER_TENANT = 'fa15d692-e9c7-4460-a743-29f29522229e'
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'
const OID = '690222be-ff1a-4d56-abd1-7e4f7d38e474'
const CLIENT_ID = '6731de76-14a6-49ae-97bc-6eba6914391e'
const issuerOf = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`

const subject = {
  type: entra,
  options: { tenant: TENANT, clientId: CLIENT_ID, clientSecret: 'abc~8Q.value' },
  idp: {
    issuer: issuerOf(TENANT),
    clientId: CLIENT_ID,
    clientSecret: 'abc~8Q.value',
    user: {
      sub: 'pairwise-1',
      tid: TENANT,
      oid: OID,
      ver: '2.0',
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      xms_edov: true,
      preferred_username: 'ada@example.com',
      groups: ['2f1c5a8e-0000-4000-8000-000000000001'],
    },
  },
  subject: `${TENANT}.${OID}`,
} as const

adapterContract('entra', subject)

describe('entra', () => {
  const withDomain = (issuer: string) => ({
    ...subject,
    options: { ...subject.options, tenant: 'Contoso.onmicrosoft.com' },
    idp: { ...subject.idp, issuer, server: issuerOf('contoso.onmicrosoft.com') },
  })

  it('names users by tenant and object id, whatever sub says', async () => {
    const { idp, adapter } = await bench(subject)
    idp.user = { ...idp.user, sub: 'pairwise-2' }
    expect((await signIn({ idp, adapter })).subject).to.equal(`${TENANT}.${OID}`)
  })

  it('takes one object id in two tenants for two users', async () => {
    const other = await bench({
      ...subject,
      options: { ...subject.options, tenant: OTHER_TENANT },
      idp: { ...subject.idp, issuer: issuerOf(OTHER_TENANT), user: { ...subject.idp.user, tid: OTHER_TENANT } },
    })
    expect((await signIn(other)).subject).to.equal(`${OTHER_TENANT}.${OID}`)
  })

  for (const [words, change] of [
    ['of another tenant (tid)', { tid: OTHER_TENANT }],
    ['of another tenant (iss)', { iss: issuerOf(OTHER_TENANT) }],
    ['of another tenant in both tid and iss', { tid: OTHER_TENANT, iss: issuerOf(OTHER_TENANT) }],
    ['of the personal accounts', { tid: PERSONAL_ACCOUNTS, iss: issuerOf(PERSONAL_ACCOUNTS) }],
    ['without tid', { tid: undefined }],
    ['with a tid that is no GUID', { tid: 'contoso.onmicrosoft.com' }],
    ['of the v1.0 endpoint', { iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0' }],
    ['without oid', { oid: undefined }],
    ['with an oid that is no GUID', { oid: 'ada@example.com' }],
  ] as const) {
    it(`refuses a token ${words}`, async () => {
      const { idp, adapter } = await bench(subject)
      idp.faults.claims = (claims) => ({ ...claims, ...change })
      await refused(signIn({ idp, adapter }), idp, 'invalid')
    })
  }

  it('refuses a token signed with a key that belongs to another issuer', async () => {
    const { idp, adapter } = await bench(subject)
    idp.keys.splice(0, 1, await newKey({ issuer: issuerOf(PERSONAL_ACCOUNTS) } as object))
    await refused(signIn({ idp, adapter }), idp, 'invalid')
    idp.keys.splice(0, 1, await newKey({ issuer: issuerOf('{tenantid}') } as object))
    expect((await signIn({ idp, adapter })).subject).to.equal(`${TENANT}.${OID}`)
  })

  it('finds the tenant behind a domain', async () => {
    expect((await signIn(await bench(withDomain(issuerOf(TENANT))))).subject).to.equal(`${TENANT}.${OID}`)
  })

  for (const [words, issuer] of [
    ['the personal accounts', issuerOf(PERSONAL_ACCOUNTS)],
    ['any tenant', issuerOf('{tenantid}')],
    ['another host', `https://evil.test/${TENANT}/v2.0`],
  ] as const) {
    it(`refuses a domain that stands for ${words}`, async () => {
      const { idp, adapter } = await bench(withDomain(issuer))
      await refused(redirectOf(adapter, newLogin()), idp, 'invalid')
    })
  }

  it('works in a national cloud', async () => {
    const authority = 'https://login.microsoftonline.us'
    const issuer = `${authority}/${TENANT}/v2.0`
    const options = { ...subject.options, authority }
    expect((await signIn(await bench({ ...subject, options, idp: { ...subject.idp, issuer } }))).subject).to.equal(
      `${TENANT}.${OID}`,
    )
  })

  it('sends its secret in the body and never asks userinfo', async () => {
    const { idp, adapter } = await bench(subject)
    await signIn({ idp, adapter })
    expect(idp.requests.find(({ endpoint }) => endpoint === 'token')?.form.get('client_secret')).to.equal(
      'abc~8Q.value',
    )
    expect(idp.count('userinfo')).to.equal(0)
  })

  it('passes the groups of the token on', async () => {
    expect((await signIn(await bench(subject))).claims.groups).to.deep.equal(subject.idp.user.groups)
  })

  describe('options', () => {
    const verdict = (change: object) => entra.options.safeParse({ ...subject.options, ...change }).success

    it('name one tenant', () => {
      for (const tenant of [TENANT, TENANT.toUpperCase(), 'contoso.com', 'contoso.onmicrosoft.com']) {
        expect(verdict({ tenant }), tenant).to.equal(true)
      }
      for (const tenant of ['common', 'consumers', PERSONAL_ACCOUNTS, '', 'a/b.com', '..', '*']) {
        expect(verdict({ tenant }), tenant).to.equal(false)
      }
    })

    it('catch the ID of a secret in place of its value, and a client id that is no GUID', () => {
      expect(verdict({ clientSecret: OID })).to.equal(false)
      expect(verdict({ clientId: 'consulate' })).to.equal(false)
    })

    it('take an https origin as authority', () => {
      expect(verdict({ authority: 'https://login.microsoftonline.us' })).to.equal(true)
      expect(verdict({ authority: 'http://login.microsoftonline.us' })).to.equal(false)
      expect(verdict({ authority: 'https://login.microsoftonline.us/common' })).to.equal(false)
      expect(verdict({ authority: 'login.microsoftonline.us' })).to.equal(false)
    })
  })
})
