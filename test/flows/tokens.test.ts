import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { type Answer, obtainTokens, postForm, type Registered, refresh, register } from '../support/client.ts'
import { startIssuer, type TestIssuer, withOtherServer } from '../support/issuer.ts'

interface OAuthError {
  readonly error: string
}

const DEMO_SERVER = { client_id: 'demo-server', client_secret: 'demo-server-secret-of-32-characters-or-more' }
const OTHER_SERVER = { client_id: 'other-server', client_secret: 'other-server-secret-of-32-characters-or-more' }

describe('tokens', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      config: withOtherServer({ clientId: OTHER_SERVER.client_id, clientSecret: OTHER_SERVER.client_secret }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  const refused = ({ status, body }: Answer<OAuthError>) =>
    expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
  const introspect = (token: string, credentials: Record<string, string> = DEMO_SERVER) =>
    postForm<Record<string, unknown>>(`${issuer.url}/introspect`, { token, ...credentials })
  const revoke = (token: string, changes: Record<string, string> = {}) =>
    postForm(`${issuer.url}/revoke`, { token, client_id: client.client_id, ...changes })

  describe('refresh', () => {
    it('rotates the refresh token and keeps resource and scope', async () => {
      const first = await obtainTokens(issuer.url, client, { scope: 'demo:read demo:write' })
      const { status, body } = await refresh(issuer.url, client, first.refresh_token)
      expect(status).to.equal(200)
      expect(body.refresh_token).to.be.a('string').and.not.equal(first.refresh_token)
      expect(body.scope).to.equal('demo:read demo:write')
    })

    it('lets a client that lost the answer use its token once more, and no third time', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      const first = await refresh(issuer.url, client, refresh_token)
      const second = await refresh(issuer.url, client, refresh_token)
      expect([first.status, second.status]).to.deep.equal([200, 200])
      refused(await refresh(issuer.url, client, refresh_token))
      // Inside the window nobody is punished: the family lives on.
      expect((await refresh(issuer.url, client, first.body.refresh_token)).status).to.equal(200)
      expect((await refresh(issuer.url, client, second.body.refresh_token)).status).to.equal(200)
    })

    it('ends the whole family when a token is used again after the window', async () => {
      const first = await obtainTokens(issuer.url, client)
      const { body: second } = await refresh(issuer.url, client, first.refresh_token)
      issuer.advance(61_000)
      refused(await refresh(issuer.url, client, first.refresh_token))
      refused(await refresh(issuer.url, client, second.refresh_token))
      issuer.advance(-61_000)
    })

    it('survives 100 concurrent uses of one token with at most two winners', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(issuer.url, client, refresh_token)))
      const winners = answers.filter(({ status }) => status === 200)
      expect(winners.length).to.be.within(1, 2)
      expect(answers.filter(({ status }) => status >= 500)).to.have.length(0)
      for (const { body } of winners)
        expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(200)
    })

    it('gives a subset of the scopes when asked, and never more', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client, { scope: 'demo:read demo:write' })
      const narrowed = await refresh(issuer.url, client, refresh_token, { scope: 'demo:read' })
      expect(narrowed.body.scope).to.equal('demo:read')
      const small = await obtainTokens(issuer.url, client, { scope: 'demo:read' })
      const wider = await refresh<OAuthError>(issuer.url, client, small.refresh_token, {
        scope: 'demo:read demo:write',
      })
      expect([wider.status, wider.body.error]).to.deep.equal([400, 'invalid_scope'])
    })

    it('is refused to another client and for another resource', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      refused(await refresh(issuer.url, await register(issuer.url), refresh_token))
      const moved = await refresh<OAuthError>(issuer.url, client, refresh_token, {
        resource: `${issuer.url}/other/mcp`,
      })
      expect([moved.status, moved.body.error]).to.deep.equal([400, 'invalid_target'])
      expect((await refresh(issuer.url, client, refresh_token)).status).to.equal(200)
    })

    it('is not spent by a request for another, an unknown or a second resource', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      for (const resource of [`${issuer.url}/other/mcp`, 'https://unknown.example/mcp', 'nonsense']) {
        const answer = await refresh<OAuthError>(issuer.url, client, refresh_token, { resource })
        expect([answer.status, answer.body.error]).to.deep.equal([400, 'invalid_target'])
      }
      const two = new URLSearchParams({ grant_type: 'refresh_token', client_id: client.client_id, refresh_token })
      for (const path of ['demo', 'other']) two.append('resource', `${issuer.url}/${path}/mcp`)
      expect((await postForm(`${issuer.url}/token`, two)).body.error).to.equal('invalid_target')
      // After the reuse window a token that had been spent would be refused.
      issuer.advance(61_000)
      const { status } = await refresh(issuer.url, client, refresh_token)
      issuer.advance(-61_000)
      expect(status).to.equal(200)
    })

    it('is not offered to a client that registered without it', async () => {
      const once = await register(issuer.url, { grant_types: ['authorization_code'] })
      expect(await obtainTokens(issuer.url, once)).to.not.have.property('refresh_token')
    })

    it('ends after 30 days without use, and each use starts them anew', async () => {
      const day = 86_400_000
      const { refresh_token } = await obtainTokens(issuer.url, client)
      issuer.advance(29 * day)
      const { status, body } = await refresh(issuer.url, client, refresh_token)
      expect(status).to.equal(200)
      issuer.advance(29 * day)
      expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(200)
      issuer.advance(-58 * day)
    })

    it('needs the credentials of a confidential client, in the way it registered', async () => {
      const confidential = await register(issuer.url, { token_endpoint_auth_method: 'client_secret_post' })
      const { refresh_token } = await obtainTokens(issuer.url, confidential)
      const { client_secret, ...anonymous } = confidential
      for (const who of [anonymous, { ...confidential, client_secret: `${client_secret}x` }]) {
        const { status, body } = await refresh<OAuthError>(issuer.url, who, refresh_token)
        expect([status, body.error]).to.deep.equal([401, 'invalid_client'])
      }
      expect((await refresh(issuer.url, confidential, refresh_token)).status).to.equal(200)
    })
  })

  describe('revocation', () => {
    for (const kind of ['refresh_token', 'access_token'] as const) {
      it(`of the ${kind.replace('_', ' ')} ends the whole grant`, async () => {
        const tokens = await obtainTokens(issuer.url, client)
        expect((await introspect(tokens.access_token)).body.active).to.equal(true)
        expect((await revoke(tokens[kind])).status).to.equal(200)
        refused(await refresh(issuer.url, client, tokens.refresh_token))
        expect((await introspect(tokens.access_token)).body).to.deep.equal({ active: false })
      })
    }

    it('ends one grant and leaves the others of the same client alone', async () => {
      const kept = await obtainTokens(issuer.url, client)
      const ended = await obtainTokens(issuer.url, client)
      await revoke(ended.refresh_token)
      expect((await refresh(issuer.url, client, kept.refresh_token)).status).to.equal(200)
    })

    it('by another client changes nothing', async () => {
      const tokens = await obtainTokens(issuer.url, client)
      const { client_id } = await register(issuer.url)
      for (const token of [tokens.refresh_token, tokens.access_token]) await revoke(token, { client_id })
      expect((await refresh(issuer.url, client, tokens.refresh_token)).status).to.equal(200)
    })

    it('of an unknown token is answered 200 (RFC 7009 section 2.2)', async () => {
      for (const token of ['nonsense', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.']) {
        expect((await revoke(token)).status).to.equal(200)
      }
    })
  })

  describe('introspection', () => {
    it('tells a server about an access token for itself', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      const { status, body } = await introspect(access_token)
      expect(status).to.equal(200)
      expect(body).to.include({
        active: true,
        client_id: client.client_id,
        scope: 'demo:read',
        aud: `${issuer.url}/demo/mcp`,
        iss: issuer.url,
        token_type: 'Bearer',
      })
      expect(body.sub).to.be.a('string')
      expect(body.groups).to.be.an('array')
    })

    it('accepts credentials by HTTP Basic too', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      const basic = Buffer.from(`${DEMO_SERVER.client_id}:${encodeURIComponent(DEMO_SERVER.client_secret)}`).toString(
        'base64',
      )
      const { body } = await postForm(
        `${issuer.url}/introspect`,
        { token: access_token },
        { authorization: `Basic ${basic}` },
      )
      expect(body.active).to.equal(true)
    })

    it('tells nothing about a token for another server', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      expect((await introspect(access_token, OTHER_SERVER)).body).to.deep.equal({ active: false })
    })

    it('tells nothing about refresh tokens', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      expect((await introspect(refresh_token)).body).to.deep.equal({ active: false })
    })

    it('tells nothing to a registered client, public or confidential', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      const { client_id, client_secret = '' } = await register(issuer.url, {
        token_endpoint_auth_method: 'client_secret_post',
      })
      expect((await introspect(access_token, { client_id, client_secret })).body).to.deep.equal({ active: false })
      const own = await introspect(access_token, { client_id: client.client_id })
      expect(own.body.active ?? false).to.equal(false)
    })

    it('refuses wrong credentials', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      const { status } = await introspect(access_token, { ...DEMO_SERVER, client_secret: 'wrong' })
      expect(status).to.equal(401)
    })

    it('does not believe a token that another key signed', async () => {
      const { access_token } = await obtainTokens(issuer.url, client)
      const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
      const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
      const forged = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', jwk: await exportJWK(publicKey) })
        .sign(privateKey)
      expect((await introspect(forged)).body).to.deep.equal({ active: false })
    })

    it('does not take an ID token for an access token', async () => {
      const { id_token } = await obtainTokens(issuer.url, client, { scope: 'openid demo:read' })
      expect((await introspect(id_token ?? '')).body).to.deep.equal({ active: false })
    })
  })

  it('are never given to a server that may only introspect', async () => {
    const { status, body } = await postForm(`${issuer.url}/token`, { grant_type: 'client_credentials', ...DEMO_SERVER })
    expect(status).to.equal(400)
    expect(body.error).to.be.oneOf(['unsupported_grant_type', 'unauthorized_client', 'invalid_request'])
  })
})
