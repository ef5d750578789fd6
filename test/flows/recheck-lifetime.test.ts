import { expect } from 'chai'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { authorizationRequest, obtainTokens, register, signIn } from '../support/client.ts'
import { audited, type CompanyIssuer, Connected, startCompanyIssuer } from '../support/company-issuer.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const REFRESH = 24 * HOUR
const GRACE = 6 * HOUR
const MONTH = 30 * 24 * HOUR

describe('what is kept to check a user again', () => {
  let set: CompanyIssuer

  beforeEach(async () => {
    set = await startCompanyIssuer(
      { graceSeconds: GRACE / 1000 },
      {
        config: (defaults) => ({
          ...defaults,
          tokens: { refreshTokenSeconds: REFRESH / 1000, grantSeconds: MONTH / 1000 },
        }),
      },
    )
  })
  afterEach(() => set.stop())

  const kept = () => set.issuer.store.count(SECRET_KIND)
  const login = { texts: { login: 'ada' } }

  it('is gone when a code was not exchanged', async () => {
    await signIn(authorizationRequest(set.issuer.url, await register(set.issuer.url)), login)
    expect(await kept()).to.equal(1)
    set.issuer.advance(16 * MINUTE)
    expect(await kept()).to.equal(0)
  })

  it('is nothing for a client that registered no refresh tokens, and the newest for others', async () => {
    const { issuer, company } = set
    const once = await register(issuer.url, { grant_types: ['authorization_code'] })
    const connectOnce = async () => {
      const tokens = await obtainTokens(issuer.url, once, { scope: 'openid offline_access demo:read' }, login)
      expect(tokens).to.not.have.property('refresh_token')
    }
    await connectOnce()
    expect(await kept()).to.equal(0)
    const client = await Connected.by('ada', issuer.url)
    await connectOnce()
    company.people.set('ada', { name: 'Ada King', groups: [] })
    issuer.advance(15 * MINUTE)
    expect((await client.refresh()).status).to.equal(200)
    expect([client.claims.name, company.asked]).to.deep.equal(['Ada King', ['ada']])
  })

  it('is gone soon after the last refresh token that nobody used', async () => {
    await Connected.by('ada', set.issuer.url)
    set.issuer.advance(REFRESH)
    expect(await kept()).to.equal(1)
    set.issuer.advance(10 * HOUR)
    expect(await kept()).to.equal(0)
  })

  it('is there for the user’s slowest client, however long, and whatever the others do', async () => {
    const { issuer, company } = set
    const slow = await Connected.by('ada', issuer.url)
    const quick = await Connected.by('ada', issuer.url)
    for (let days = 1; days <= 10; days += 1) {
      // At the very end of a grace, and then of a refresh token.
      issuer.advance(GRACE - MINUTE)
      company.mode = 'down'
      if (days < 5) expect((await quick.refresh()).status).to.equal(200)
      expect((await slow.refresh()).status).to.equal(200)
      company.mode = 'up'
      issuer.advance(REFRESH - MINUTE)
      const before = company.asked.length
      expect((await slow.refresh()).status).to.equal(200)
      expect(company.asked.length - before).to.equal(1)
      // The IdP takes each secret once.
      expect(company.asked.every((who) => who === 'ada')).to.equal(true)
      if (days < 5) expect((await quick.refresh()).status).to.equal(200)
    }
    company.people.delete('ada')
    issuer.advance(15 * MINUTE)
    expect((await slow.refresh()).body.error).to.equal('invalid_grant')
    expect(await kept()).to.equal(0)
  })

  it('is, where it was lost or never there, a standing that ends with the grace of the sign-in', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const [row] = (await issuer.store.list({ kind: SECRET_KIND, limit: 1 })).records
    await issuer.store.delete(SECRET_KIND, row?.id ?? '')
    for (const wait of [GRACE / 2, GRACE / 2 - MINUTE]) {
      issuer.advance(wait)
      expect((await client.refresh()).status).to.equal(200)
    }
    issuer.advance(2 * MINUTE)
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
    expect(audited(issuer, 'recheck.grace_over')).to.have.length(1)
    expect(company.asked).to.deep.equal([])
    await Connected.by('ada', issuer.url)
    expect((await client.refresh()).status).to.equal(200)
  })
})
