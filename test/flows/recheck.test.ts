import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { postForm } from '../support/client.ts'
import { audited, type CompanyIssuer, Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'

const GRACE = 28_800_000

describe('a user is checked again at the IdP', () => {
  let set: CompanyIssuer

  beforeEach(async () => {
    set = await startCompanyIssuer()
  })
  afterEach(() => set.stop())

  const secretsKept = () => set.issuer.store.count(SECRET_KIND)
  const ended = async (client: Connected) => {
    const { status, body } = await client.refresh()
    expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
  }
  const goesOn = async (client: Connected) => expect((await client.refresh()).status).to.equal(200)

  it('and one whom the company disabled loses all clients within the interval, while others go on', async () => {
    const { issuer, company } = set
    const [first, second, other] = [
      await Connected.by('ada', issuer.url),
      await Connected.by('ada', issuer.url),
      await Connected.by('grace', issuer.url),
    ]
    const ada = company.people.get('ada')
    if (ada) ada.disabled = true
    await goesOn(first)
    issuer.advance(INTERVAL)
    await ended(first)
    await ended(second)
    await goesOn(other)
    // Also when the company takes them back: they connect again.
    if (ada) ada.disabled = false
    issuer.advance(INTERVAL)
    await ended(first)
    await goesOn(other)
    expect(company.asked).to.deep.equal(['ada', 'grace', 'grace'])
  })

  it('and the audit log says which grants of whom ended, and why', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    company.people.delete('ada')
    issuer.advance(INTERVAL)
    await ended(client)
    const account = client.claims.sub
    expect(audited(issuer, 'recheck.ended')[0]).to.include({ idp: 'company', account, reason: 'denied' })
    const grant = client.claims.grant_id
    expect(audited(issuer, 'grant.ended')).to.have.length(1)
    expect(audited(issuer, 'grant.ended')[0]).to.include({
      grant,
      account,
      client: client.client.client_id,
      reason: 'denied',
    })
    expect([await secretsKept(), await issuer.store.count('Grant'), await issuer.store.count('RefreshToken')]).to.eql([
      0, 0, 0,
    ])
  })

  it('once in an interval, however many clients refresh at once', async () => {
    const { issuer, company } = set
    const clients = [await Connected.by('ada', issuer.url), await Connected.by('ada', issuer.url)]
    for (let round = 1; round <= 3; round += 1) {
      issuer.advance(INTERVAL)
      await Promise.all(clients.map(goesOn))
      await Promise.all(clients.map(goesOn))
      expect(company.asked).to.have.length(round)
    }
    expect(audited(issuer, 'recheck.passed')).to.have.length(3)
  })

  it('and new groups and a new name are in the next access token, and stay there', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    company.people.set('ada', { name: 'Ada King', groups: ['countesses'] })
    await goesOn(client)
    expect(client.claims).to.deep.include({ name: 'Ada Lovelace', groups: ['engineering'] })
    issuer.advance(INTERVAL)
    for (let use = 0; use < 2; use += 1) {
      await goesOn(client)
      expect(client.claims).to.deep.include({ name: 'Ada King', groups: ['countesses'] })
    }
  })

  it('and a name that no token can carry keeps nobody’s groups from being renewed', async () => {
    const { issuer, company } = set
    company.people.set('ada', { name: `\u0000${'A'.repeat(300)}`, groups: ['engineering'] })
    const client = await Connected.by('ada', issuer.url)
    expect(client.claims.name).to.equal('A'.repeat(256))
    company.people.set('ada', { name: `${'B'.repeat(300)}`, groups: [] })
    issuer.advance(INTERVAL)
    await goesOn(client)
    expect(client.claims).to.deep.include({ name: 'B'.repeat(256), groups: [] })
  })

  it('and a new sign-in counts as one, with its own secret and claims', async () => {
    const { issuer, company } = set
    const before = await Connected.by('ada', issuer.url)
    issuer.advance(INTERVAL - 1000)
    company.people.set('ada', { name: 'Ada King', groups: [] })
    await Connected.by('ada', issuer.url)
    issuer.advance(2000)
    await goesOn(before)
    expect(company.asked).to.deep.equal([])
    expect(before.claims.name).to.equal('Ada King')
    expect(await secretsKept()).to.equal(1)
  })

  it('but never for a refresh token that was spent before: its grant ends without anybody being asked', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const spent = client.tokens
    await goesOn(client)
    issuer.advance(INTERVAL)
    client.tokens = spent
    await ended(client)
    expect(company.asked).to.deep.equal([])
    expect(await issuer.store.count('Grant')).to.equal(0)
  })

  it('and the upstream secret is deleted with the last grant of the account, not before', async () => {
    const { issuer } = set
    const [first, second] = [await Connected.by('ada', issuer.url), await Connected.by('ada', issuer.url)]
    for (const [client, kept] of [
      [first, 1],
      [second, 0],
    ] as const) {
      const { refresh_token: token } = client.tokens
      await postForm(`${issuer.url}/revoke`, { token, client_id: client.client.client_id })
      // Looked at after the answer.
      await sleep(100)
      expect(await secretsKept()).to.equal(kept)
    }
  })

  it('also after a sign-in that brought nothing to ask with, since the browser may have dropped the wish', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    issuer.advance(INTERVAL - 1000)
    company.gives.secret = false
    company.people.set('ada', { name: 'Ada King', groups: [] })
    const again = await Connected.by('ada', issuer.url)
    issuer.advance(1000)
    // It counts as an answer all the same.
    await goesOn(client)
    expect([client.claims.name, company.asked.length]).to.deep.equal(['Ada King', 0])
    issuer.advance(INTERVAL)
    company.gives.secret = true
    await goesOn(client)
    company.people.delete('ada')
    issuer.advance(INTERVAL)
    await ended(again)
    await ended(client)
    expect(company.asked).to.have.length(2)
  })

  it('or goes on for the grace alone when no sign-in ever brought anything to ask with', async () => {
    const { issuer, company } = set
    company.gives.secret = false
    const client = await Connected.by('ada', issuer.url)
    expect(await secretsKept()).to.equal(1)
    issuer.advance(GRACE - 1000)
    await goesOn(client)
    issuer.advance(1000)
    await ended(client)
    expect(audited(issuer, 'recheck.grace_over')[0]).to.include({ idp: 'company', account: client.claims.sub })
    // Nobody can be asked, so the IdP is not taken for silent.
    expect([company.asked, audited(issuer, 'recheck.unanswered')]).to.deep.equal([[], []])
    company.gives.secret = true
    const again = await Connected.by('ada', issuer.url)
    await goesOn(client)
    issuer.advance(INTERVAL)
    await goesOn(again)
    expect(company.asked).to.deep.equal(['ada'])
  })
})

describe('without re-checks', () => {
  it('no upstream secret is kept and nobody is asked', async () => {
    const { issuer, company, stop } = await startCompanyIssuer({ recheckSeconds: 0 })
    const client = await Connected.by('ada', issuer.url)
    issuer.advance(INTERVAL)
    company.people.delete('ada')
    expect((await client.refresh()).status).to.equal(200)
    expect([company.asked.length, await issuer.store.count(SECRET_KIND)]).to.deep.equal([0, 0])
    await stop()
  })
})
