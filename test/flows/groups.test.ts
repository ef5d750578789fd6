import { expect } from 'chai'
import type { Claims } from '../../src/adapter.ts'
import type { Page } from '../../src/demo/driver.ts'
import { MAX_GROUPS_BYTES } from '../../src/provider/groups.ts'
import {
  authorizationRequest,
  exchange,
  obtainTokens,
  type Registered,
  refresh,
  register,
  signIn,
} from '../support/client.ts'
import { type CompanyIssuer, Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'
import { approve, openConsent } from '../support/consent.ts'
import { startIssuer, type TestIssuer, withOtherServer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const guids = (count: number) =>
  Array.from({ length: count }, (_, index) => `5f1c5a8e-0000-4000-8000-${`${index}`.padStart(12, '0')}`)
/** A list that as JSON has this many bytes. */
function bytes(count: number, letter = 'g'): string[] {
  const text = (length: number) => letter.repeat(length / Buffer.byteLength(letter))
  // Each with its quotes and a comma.
  const full = Math.floor((count - 10) / 99)
  return [...Array.from({ length: full }, () => text(96)), 'g'.repeat(count - 1 - 99 * full - 3)]
}

describe('a server that decides by groups', () => {
  const scripted = scriptedIdps()
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      adapters: [scripted.type],
      config: (defaults, url) => ({
        ...withOtherServer()(defaults, url),
        idps: [{ id: 'company', type: 'scripted', name: 'The Company' }],
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  function named(claims: Claims): void {
    scripted.finish = async () => ({ subject: 'ada', claims })
  }
  const tokenFor = async (resource = `${issuer.url}/demo/mcp`) =>
    (await obtainTokens(issuer.url, client, { resource })).access_token
  const groupsIn = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).groups

  /** The page on which a sign-in ends. */
  async function refused(): Promise<Page> {
    const consent = await openConsent(issuer.url, client, { resource: `${issuer.url}/demo/mcp` })
    const signIn = await approve(consent)
    const [form] = signIn.forms
    const end = form && (await consent.browser.submit(signIn, form))
    if (!end?.page) throw new Error('the browser went on by itself')
    return end.page
  }

  for (const [words, groups, title, fault] of [
    ['are unknown', undefined, 'Your groups are not known', 'which are unknown'],
    ['are one byte too many', bytes(MAX_GROUPS_BYTES + 1), 'You are in too many groups', 'do not fit into a token'],
    ['are too many', guids(257), 'You are in too many groups', '257 of them do not fit'],
    ['are too long in UTF-8', bytes(MAX_GROUPS_BYTES + 2, 'ä'), 'You are in too many groups', 'do not fit'],
  ] as const) {
    it(`gets nobody whose groups ${words}: a page says who must do what, the log why, and no grant is kept`, async () => {
      named(groups ? { groups } : {})
      const before = [await issuer.store.count('Grant'), await issuer.store.count('Account')]
      const page = await refused()
      expect(page.status).to.equal(403)
      expect(page.title).to.include(title)
      expect(page.html)
        .to.include('Demo MCP server decides by your groups')
        .and.to.match(/Reference: <code>/)
      expect(page.html).to.include('error=access_denied')
      expect([await issuer.store.count('Grant'), await issuer.store.count('Account')]).to.deep.equal(before)
      expect(JSON.stringify(issuer.logged)).to.include(fault)
    })
  }

  it('gets users of no groups, which is something else', async () => {
    named({ groups: [] })
    expect(groupsIn(await tokenFor())).to.deep.equal([])
  })

  for (const [words, groups] of [
    ['256 GUIDs', guids(256)],
    ['the longest list', bytes(MAX_GROUPS_BYTES)],
  ] as const) {
    it(`gets ${words} in a token that it can take with all else that tokens say, and that can be looked at`, async () => {
      named({ groups, name: 'n'.repeat(256), email: `${'e'.repeat(250)}@${'d'.repeat(69)}`, username: 'u'.repeat(320) })
      const token = await tokenFor()
      expect(groupsIn(token)).to.deep.equal(groups)
      const call = await fetch(`${issuer.url}/demo/mcp`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      })
      expect(call.status, 'the token is taken; the call has no body').to.not.be.oneOf([401, 431])
      const credentials = Buffer.from('demo-server:demo-server-secret-of-32-characters-or-more').toString('base64')
      const answer = await fetch(`${issuer.url}/introspect`, {
        method: 'POST',
        headers: { authorization: `Basic ${credentials}` },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      })
      expect(await answer.json()).to.include({ active: true })
    })
  }

  it('leaves in peace the servers that do not ask for them', async () => {
    for (const claims of [{}, { groups: guids(300) }]) {
      named(claims)
      expect(groupsIn(await tokenFor(`${issuer.url}/other/mcp`))).to.equal(undefined)
    }
  })

  it('gets no code exchanged after a later sign-in left the groups unknown', async () => {
    named({ groups: ['staff'] })
    const request = authorizationRequest(issuer.url, client, { resource: `${issuer.url}/demo/mcp` })
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    named({})
    await tokenFor(`${issuer.url}/other/mcp`)
    const answer = await exchange(issuer.url, client, request, code)
    expect([answer.status, (answer.body as { error?: string }).error]).to.deep.equal([400, 'invalid_grant'])
  })

  it('has the grant of a refresh token end that is used twice, also when the groups are unknown by then', async () => {
    named({ groups: ['staff'] })
    const own = await register(issuer.url)
    const { refresh_token: spent } = await obtainTokens(issuer.url, own, { resource: `${issuer.url}/demo/mcp` })
    expect((await refresh(issuer.url, own, spent)).status).to.equal(200)
    named({})
    await tokenFor(`${issuer.url}/other/mcp`)
    const before = await issuer.store.count('Grant')
    issuer.advance(INTERVAL)
    expect((await refresh(issuer.url, own, spent)).status).to.equal(400)
    expect(await issuer.store.count('Grant')).to.equal(before - 1)
  })
})

describe('a refresh for a server that decides by groups', () => {
  let set: CompanyIssuer

  beforeEach(async () => {
    set = await startCompanyIssuer()
  })
  afterEach(() => set.stop())

  for (const [words, groups] of [
    ['are unknown by now', undefined],
    ['have become too many', guids(257)],
  ] as const) {
    it(`is refused while the groups ${words}, with neither the old ones nor none, and works when they are back`, async () => {
      const { issuer, company } = set
      const client = await Connected.by('ada', issuer.url)
      company.people.set('ada', { name: 'Ada Lovelace', groups: groups && [...groups] })
      issuer.advance(INTERVAL)
      for (let use = 0; use < 2; use += 1) {
        const { status, body } = await client.refresh()
        expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
      }
      expect(company.asked).to.have.length(1)
      expect(JSON.stringify(issuer.logged)).to.include('wants the groups of the user')
      company.people.set('ada', { name: 'Ada Lovelace', groups: ['readers'] })
      issuer.advance(INTERVAL)
      expect((await client.refresh()).status).to.equal(200)
      expect(client.claims.groups).to.deep.equal(['readers'])
    })
  }
})
