import { expect } from 'chai'
import { generateKeyPair } from 'jose'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { authorizationRequest, exchange, register, signIn } from '../support/client.ts'
import { type Changes, Company } from '../support/company.ts'
import { audited, Connected } from '../support/company-issuer.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** Two companies, of which each knows an Ada, and an IdP that never tells of logouts. */
describe('POST /backchannel-logout/<idp>', () => {
  let issuer: TestIssuer
  let company: Company
  let partner: Company

  before(async () => {
    company = await Company.start()
    partner = await Company.start()
    const silent = { ...company.adapter('silent') }
    const { open } = silent
    issuer = await startIssuer({
      adapters: [
        company.adapter(),
        partner.adapter('partner'),
        { ...silent, open: (options, host) => ({ ...open(options, host), loggedOut: undefined }) as never },
      ],
      config: (defaults) => ({
        ...defaults,
        idps: ['company', 'partner', 'silent'].map((id) => ({ id, type: id, name: id })),
      }),
    })
  })
  after(async () => {
    await issuer.close()
    await company.stop()
    await partner.stop()
  })

  const connect = (login: string, idp = 'company') => Connected.by(login, issuer.url, { idp })
  const post = async (body: URLSearchParams | string, idp = 'company', type?: string) => {
    const headers = type === undefined ? {} : { 'content-type': type }
    const response = await fetch(`${issuer.url}/backchannel-logout/${idp}`, { method: 'POST', headers, body })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  }
  const tell = async (changes: Changes, idp = 'company') =>
    post(new URLSearchParams({ logout_token: await company.logoutToken(changes) }), idp)
  const gone = async (client: Connected) => expect((await client.refresh()).body.error).to.equal('invalid_grant')
  const stays = async (client: Connected) => expect((await client.refresh()).status).to.equal(200)
  const lastSession = () => company.sessions.at(-1) ?? ''

  it('ends all grants of the user that the token names, at once, and of nobody else', async () => {
    const [first, second] = [await connect('ada'), await connect('ada')]
    const others = [await connect('grace'), await connect('ada', 'partner')]
    const before = await issuer.store.count(SECRET_KIND)
    const { status, headers, body } = await tell({ sub: 'ada' })
    expect([status, headers.get('cache-control'), body]).to.deep.equal([200, 'no-store', {}])
    await gone(first)
    await gone(second)
    for (const other of others) await stays(other)
    expect(await issuer.store.count(SECRET_KIND)).to.equal(before - 1)
    expect(audited(issuer, 'logout.backchannel').at(-1)).to.include({ idp: 'company', grants: 2, reason: 'user' })
    expect(audited(issuer, 'grant.ended').at(-1)).to.include({ reason: 'logout', account: first.claims.sub })
  })

  it('ends a code that is not exchanged yet, too', async () => {
    const client = await register(issuer.url)
    const request = authorizationRequest(issuer.url, client)
    const back = await signIn(request, { texts: { login: 'ada' }, buttons: { idp: 'company' } })
    await tell({ sub: 'ada' })
    const { status, body } = await exchange<{ error?: string }>(
      issuer.url,
      client,
      request,
      back.searchParams.get('code') ?? '',
    )
    expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
  })

  it('ends the grants of one session when the token names that alone', async () => {
    const before = await connect('ada')
    const session = lastSession()
    const after = await connect('ada')
    expect((await tell({ sid: session })).status).to.equal(200)
    await gone(before)
    await stays(after)
    expect((await tell({ sid: lastSession() })).status).to.equal(200)
    await gone(after)
    expect(audited(issuer, 'logout.backchannel').at(-1)).to.include({ grants: 1, reason: 'session' })
  })

  it('ends, of a user and a session, that session and what was made in none that is known', async () => {
    company.gives.session = false
    const unknown = await connect('ada')
    company.gives.session = true
    const named = await connect('ada')
    const session = lastSession()
    const other = await connect('ada')
    const stranger = await connect('grace')
    await tell({ sub: 'ada', sid: session })
    for (const client of [unknown, named]) await gone(client)
    for (const client of [other, stranger]) await stays(client)
  })

  it('does not take the session of one company for that of another', async () => {
    const client = await connect('ada', 'partner')
    expect((await tell({ sid: partner.sessions.at(-1) ?? '' })).status).to.equal(200)
    await stays(client)
  })

  it('is not there for an IdP that tells of no logouts, for an unknown one, and for GET', async () => {
    for (const idp of ['silent', 'unheard-of']) expect((await tell({ sub: 'ada' }, idp)).status).to.equal(404)
    expect((await fetch(`${issuer.url}/backchannel-logout/company`)).status).to.equal(405)
  })

  it('answers 200 for somebody who never came here', async () => {
    expect((await tell({ sub: 'nobody-we-know' })).status).to.equal(200)
  })

  describe('answers 400 with the documented error, and ends nothing,', () => {
    let client: Connected
    before(async () => {
      client = await connect('ada')
    })
    afterEach(() => stays(client))

    const refused = ({ status, headers, body }: Awaited<ReturnType<typeof post>>) => {
      expect([status, headers.get('cache-control')]).to.deep.equal([400, 'no-store'])
      expect(body).to.deep.equal({
        error: 'invalid_request',
        error_description: 'the logout token cannot be accepted',
      })
    }
    const past = Math.floor(Date.now() / 1000) - 3600
    const bad: Readonly<Record<string, Changes>> = {
      'of another issuer': { iss: 'https://evil.example' },
      'for another client': { aud: 'somebody-else' },
      'that has ended': { exp: past },
      'without an end': { exp: undefined },
      'without a time': { iat: undefined },
      'without a jti': { jti: undefined },
      'without the event': { events: undefined },
      'with another event': { events: { 'http://schemas.openid.net/event/other': {} } },
      'with a nonce, which makes it an ID token': { nonce: 'n' },
      'of nobody': { sub: undefined },
      'of a subject too long to be one': { sub: 'a'.repeat(600) },
      'with an empty session': { sid: '' },
    }
    for (const [what, changes] of Object.entries(bad)) {
      it(`to a token ${what}`, async () => refused(await tell({ sub: 'ada', ...changes })))
    }

    it('to a token that another key signed, that is not signed, or that has another type', async () => {
      const { privateKey } = await generateKeyPair('ES256')
      const [, payload] = (await company.logoutToken({ sub: 'ada' })).split('.')
      const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'logout+jwt' })).toString('base64url')
      for (const token of [
        await company.logoutToken({ sub: 'ada' }, {}, privateKey),
        await company.logoutToken({ sub: 'ada' }, { typ: 'JWT' }),
        await company.logoutToken({ sub: 'ada' }, { alg: 'HS256' }, Buffer.from(await company.publicKey())),
        `${none}.${payload}.`,
        'garbage',
      ]) {
        refused(await post(new URLSearchParams({ logout_token: token })))
      }
    })

    it('to the token of another company, and to the right one at the door of another', async () => {
      const token = await partner.logoutToken({ sub: 'ada' })
      refused(await post(new URLSearchParams({ logout_token: token })))
      refused(await tell({ sub: 'ada' }, 'partner'))
    })

    it('to no token, two of them, and bodies that are no form', async () => {
      const token = await company.logoutToken({ sub: 'ada' })
      refused(await post(''))
      refused(await post(new URLSearchParams()))
      refused(await post(`logout_token=${token}&logout_token=${token}`, 'company', 'application/x-www-form-urlencoded'))
      refused(await post(JSON.stringify({ logout_token: token }), 'company', 'application/json'))
    })

    it('and tells the operator why, without the token', async () => {
      const token = await company.logoutToken({ sub: 'ada', nonce: 'n' })
      await post(new URLSearchParams({ logout_token: token }))
      expect(audited(issuer, 'logout.refused').at(-1)).to.include({ idp: 'company', reason: 'invalid' })
      const log = JSON.stringify(issuer.logged)
      expect(log).to.include('it has a nonce, like an ID token').and.not.include(token.split('.')[1])
    })
  })
})
