import { expect } from 'chai'
import type { IdpAdapter } from '../../src/adapter.ts'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { Company } from '../support/company.ts'
import { Connected, INTERVAL } from '../support/company-issuer.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const NINE_HOURS = 9 * 3_600_000

describe('re-checks that are turned off for an IdP later', () => {
  let company: Company
  let issuer: TestIssuer
  let on = true

  beforeEach(async () => {
    on = true
    company = await Company.start()
    const type = company.adapter()
    issuer = await startIssuer({
      adapters: [
        {
          ...type,
          open: (options, host) =>
            new Proxy(type.open(options, host), {
              get: (adapter, name: keyof IdpAdapter) => (name === 'refresh' && !on ? undefined : adapter[name]),
            }),
        },
      ],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'company', type: 'company', name: 'The Company' }] }),
    })
  })
  afterEach(async () => {
    await issuer.close()
    await company.stop()
  })

  const kept = () => issuer.store.count(SECRET_KIND)

  it('lock nobody out when the grace is over, and what was kept goes with the first use', async () => {
    const client = await Connected.by('ada', issuer.url)
    expect(await kept()).to.equal(1)
    on = false
    issuer.advance(NINE_HOURS)
    for (let use = 0; use < 2; use += 1) expect((await client.refresh()).status).to.equal(200)
    expect([await kept(), company.asked.length]).to.deep.equal([0, 0])
  })

  it('leave nothing stored after the next sign-in', async () => {
    await Connected.by('ada', issuer.url)
    on = false
    const again = await Connected.by('ada', issuer.url)
    expect(await kept()).to.equal(0)
    issuer.advance(NINE_HOURS)
    expect((await again.refresh()).status).to.equal(200)
  })

  it('do not bring back whom the IdP has turned out before', async () => {
    const client = await Connected.by('ada', issuer.url)
    company.people.delete('ada')
    issuer.advance(INTERVAL)
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
    on = false
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
  })
})
