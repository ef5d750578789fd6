import { expect } from 'chai'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { audited, type CompanyIssuer, Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'

describe('a user of whom one record is damaged', () => {
  let set: CompanyIssuer
  let clients: Connected[]

  beforeEach(async () => {
    set = await startCompanyIssuer()
    clients = []
    for (let n = 0; n < 3; n += 1) clients.push(await Connected.by('ada', set.issuer.url))
  })
  afterEach(() => set.stop())

  /** The first in the order of the store, so that all others come after it. */
  const damage = async (kind: string) => {
    const { store } = set.issuer
    const [row] = (await store.list({ kind, limit: 1 })).records
    if (!row) throw new Error(`no ${kind}`)
    await store.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'update')
  }
  const send = async (token: string, expected: number) => {
    const body = new URLSearchParams({ logout_token: token })
    const { status } = await fetch(`${set.issuer.url}/backchannel-logout/company`, { method: 'POST', body })
    expect(status).to.equal(expected)
  }
  const tell = async (changes: Record<string, string>, expected = 200) =>
    send(await set.company.logoutToken(changes), expected)
  const left = () => set.issuer.store.count('Grant')
  const goOn = async () => {
    const statuses = []
    for (const client of clients) statuses.push((await client.refresh()).status)
    return statuses.filter((status) => status === 200).length
  }
  const errors = () => set.issuer.logged.filter(({ level }) => Number(level) >= 50).map(({ msg }) => String(msg))

  it('loses all grants but the damaged one, which serves nobody, when the company ends the access', async () => {
    await damage('Grant')
    expect(await goOn()).to.equal(2)
    set.company.people.delete('ada')
    set.issuer.advance(INTERVAL)
    expect(await goOn()).to.equal(0)
    expect([await left(), audited(set.issuer, 'grant.ended').length]).to.deep.equal([1, 2])
    expect(errors().some((words) => words.startsWith('records that cannot be opened were passed over'))).to.equal(true)
  })

  it('and when the IdP tells of a logout, which has failed', async () => {
    await damage('Grant')
    await tell({ sub: 'ada' }, 400)
    expect([await left(), await goOn()]).to.deep.equal([1, 0])
    expect(audited(set.issuer, 'logout.backchannel').at(-1)).to.include({ grants: 2, passed_over: 1 })
    await tell({ sub: 'ada', sid: 'another session' }, 400)
  })

  it('loses the damaged one too with the session in which it was made', async () => {
    await damage('Grant')
    for (const sid of set.company.sessions) await tell({ sid })
    expect([await left(), await goOn(), audited(set.issuer, 'grant.ended').length]).to.deep.equal([0, 0, 3])
    expect(await set.issuer.store.count(SECRET_KIND)).to.equal(0)
  })

  it('is logged out of a session that cannot be read once it can, by the same token', async () => {
    const { store } = set.issuer
    const whole = (await store.list({ kind: 'UpstreamSession', limit: 3 })).records
    for (const row of whole) await store.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'update')
    const token = await set.company.logoutToken({ sid: set.company.sessions[0] ?? '' })
    for (let again = 0; again < 2; again += 1) await send(token, 400)
    expect(audited(set.issuer, 'logout.backchannel').at(-1)).to.include({ grants: 0, passed_over: 1 })
    for (const row of whole) await store.put(row, 'update')
    await send(token, 200)
    await send(token, 400)
    expect([await left(), await goOn()]).to.deep.equal([2, 2])
  })

  it('loses a grant whose session cannot be read with any logout that names the user', async () => {
    await damage('UpstreamSession')
    await tell({ sub: 'ada', sid: 'another session' })
    expect([await left(), await goOn()]).to.deep.equal([2, 2])
  })

  it('keeps what is known of them for the damaged grant, which may be brought back', async () => {
    await damage('Grant')
    for (const connected of clients) {
      if ((await connected.refresh()).status !== 200) continue
      const { client, tokens } = connected
      const body = new URLSearchParams({ token: tokens.refresh_token, client_id: client.client_id })
      await fetch(`${set.issuer.url}/revoke`, { method: 'POST', body })
    }
    expect(await left()).to.equal(1)
    expect(await set.issuer.store.count(SECRET_KIND)).to.equal(1)
  })

  it('is logged out when what is known of them at the IdP is damaged', async () => {
    await damage(SECRET_KIND)
    await tell({ sub: 'ada' })
    expect([await left(), await goOn(), await set.issuer.store.count(SECRET_KIND)]).to.deep.equal([0, 0, 0])
    expect(errors()).to.have.length(1)
    expect(errors()[0]).to.match(/^what was known of a user at their IdP cannot be opened/)
  })

  it('goes on for the grace and no longer when that is damaged, and for good after a sign-in', async () => {
    await damage(SECRET_KIND)
    expect(await goOn()).to.equal(3)
    set.issuer.advance(9 * 3_600_000)
    expect(await goOn()).to.equal(0)
    clients.push(await Connected.by('ada', set.issuer.url))
    expect(await goOn()).to.equal(4)
  })
})
