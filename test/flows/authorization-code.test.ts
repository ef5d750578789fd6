import { expect } from 'chai'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import {
  authorizationRequest,
  exchange,
  LOOPBACK_REDIRECT,
  obtainTokens,
  type Registered,
  register,
  signIn,
} from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('authorization code flow', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer()
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  /** Runs a request up to the client's redirect URI. */
  async function codeFor(changes: Record<string, string | undefined> = {}, who: Registered = client) {
    const request = authorizationRequest(issuer.url, who, changes)
    const back = await signIn(request)
    return { request, back, code: back.searchParams.get('code') ?? '' }
  }

  it('gives an unknown client a token for one server after one registration and one sign-in', async () => {
    const { request, back, code } = await codeFor()
    expect(back.origin + back.pathname).to.equal(LOOPBACK_REDIRECT)
    expect(back.searchParams.get('state')).to.equal(request.state)
    expect(back.searchParams.get('iss')).to.equal(issuer.url)

    const { status, headers, body } = await exchange(issuer.url, client, request, code)
    expect(status).to.equal(200)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(body).to.include({ token_type: 'Bearer', expires_in: 600, scope: 'demo:read' })
    expect(body.refresh_token).to.be.a('string')
  })

  it('issues RFC 9068 access tokens: ES256, one audience, ten minutes, the claims that the resource asks for', async () => {
    const { access_token } = await obtainTokens(issuer.url, client, {}, { buttons: { persona: 'ada' } })
    const keys = createRemoteJWKSet(new URL(`${issuer.url}/jwks`))
    const { payload, protectedHeader } = await jwtVerify(access_token, keys, { typ: 'at+jwt', issuer: issuer.url })
    expect(protectedHeader.alg).to.equal('ES256')
    expect(payload.aud).to.equal(`${issuer.url}/demo/mcp`)
    expect(payload).to.include({ client_id: client.client_id, scope: 'demo:read' })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).to.equal(600)
    expect(payload.sub).to.match(/^[\w-]{43}$/)
    expect(payload.groups).to.be.an('array').that.is.not.empty
    expect(payload.name).to.be.a('string')
    expect(payload).to.not.have.property('email')
  })

  it('names the same person by the same subject, and another by another', async () => {
    const subjectOf = async (persona: string) => {
      const { access_token } = await obtainTokens(issuer.url, client, {}, { buttons: { persona } })
      return JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()).sub
    }
    expect(await subjectOf('ada')).to.equal(await subjectOf('ada'))
    expect(await subjectOf('ada')).to.not.equal(await subjectOf('grace'))
  })

  it('signs ID tokens with ES256, and with RS256 for a client that registered for it', async () => {
    const rs = await register(issuer.url, { id_token_signed_response_alg: 'RS256' })
    for (const [who, alg] of [
      [client, 'ES256'],
      [rs, 'RS256'],
    ] as const) {
      const { id_token } = await obtainTokens(issuer.url, who, { scope: 'openid demo:read' })
      expect(decodeProtectedHeader(id_token ?? '').alg).to.equal(alg)
    }
  })

  describe('PKCE', () => {
    for (const [title, changes] of [
      ['without a challenge', { code_challenge: undefined, code_challenge_method: undefined }],
      ['with the plain method', { code_challenge_method: 'plain' }],
      ['with no method, which means plain', { code_challenge_method: undefined }],
      ['with a challenge that is none', { code_challenge: 'short' }],
    ] as const) {
      it(`refuses a request ${title}, for public and confidential clients`, async () => {
        const confidential = await register(issuer.url, { token_endpoint_auth_method: 'client_secret_post' })
        for (const who of [client, confidential]) {
          const back = await signIn(authorizationRequest(issuer.url, who, changes))
          expect(back.searchParams.get('error')).to.equal('invalid_request')
          expect(back.searchParams.get('iss')).to.equal(issuer.url)
          expect(back.searchParams.has('code')).to.equal(false)
        }
      })
    }

    it('refuses a code without its verifier or with another one', async () => {
      for (const code_verifier of ['', 'x'.repeat(43)]) {
        const { request, code } = await codeFor()
        const { status, body } = await exchange<{ error: string }>(issuer.url, client, request, code, { code_verifier })
        expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
      }
    })
  })

  describe('codes', () => {
    it('are spent once, and a second use ends what the first one issued', async () => {
      const { request, code } = await codeFor()
      const first = await exchange(issuer.url, client, request, code)
      expect(first.status).to.equal(200)
      const second = await exchange<{ error: string }>(issuer.url, client, request, code)
      expect([second.status, second.body.error]).to.deep.equal([400, 'invalid_grant'])
      const response = await fetch(`${issuer.url}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: client.client_id,
          refresh_token: first.body.refresh_token,
        }),
      })
      expect(response.status).to.equal(400)
    })

    it('are spent once by any number of concurrent exchanges', async () => {
      const { request, code } = await codeFor()
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => exchange<{ error?: string }>(issuer.url, client, request, code)),
      )
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1)
      const others = answers.filter(({ status }) => status !== 200)
      expect(new Set(others.map(({ status, body }) => `${status} ${body.error}`))).to.deep.equal(
        new Set(['400 invalid_grant']),
      )
    })

    it('belong to one client and one redirect URI', async () => {
      const other = await register(issuer.url)
      const first = await codeFor()
      const stolen = await exchange<{ error: string }>(issuer.url, other, first.request, first.code)
      expect([stolen.status, stolen.body.error]).to.deep.equal([400, 'invalid_grant'])
      const second = await codeFor()
      const moved = await exchange<{ error: string }>(issuer.url, client, second.request, second.code, {
        redirect_uri: 'http://localhost:49153/callback',
      })
      expect([moved.status, moved.body.error]).to.deep.equal([400, 'invalid_grant'])
    })

    it('end after a minute', async () => {
      const { request, code } = await codeFor()
      issuer.advance(61_000)
      const { status } = await exchange(issuer.url, client, request, code)
      issuer.advance(-61_000)
      expect(status).to.equal(400)
    })
  })

  describe('scope', () => {
    for (const [title, scope, granted] of [
      ['absent means the defaults', undefined, 'demo:read'],
      ['with stray spaces is understood', ' offline_access  demo:read', 'demo:read'],
      ['with only unknown tokens means the defaults', 'mail.read everything', 'demo:read'],
      ['with unknown tokens beside known ones drops them', 'demo:write mail.read', 'demo:write'],
      ['of several known tokens is granted whole', 'demo:read demo:write', 'demo:read demo:write'],
      ['of OpenID alone adds the defaults', 'openid', 'demo:read'],
    ] as const) {
      it(title, async () => {
        const { scope: given } = await obtainTokens(issuer.url, client, { scope })
        expect(given.split(' ').sort().join(' ')).to.equal(granted)
      })
    }

    it('never gives more than was approved when a refresh or an exchange asks for more', async () => {
      const { request, code } = await codeFor({ scope: 'demo:read' })
      const { body } = await exchange(issuer.url, client, request, code, { scope: 'demo:read demo:write' })
      expect(body.scope).to.equal('demo:read')
    })
  })

  describe('resource', () => {
    it('is defaulted when there is only one', async () => {
      const request = authorizationRequest(issuer.url, client, { resource: undefined })
      const code = (await signIn(request)).searchParams.get('code') ?? ''
      const form = {
        grant_type: 'authorization_code',
        client_id: client.client_id,
        code,
        redirect_uri: request.redirectUri,
        code_verifier: request.verifier,
      }
      const response = await fetch(`${issuer.url}/token`, { method: 'POST', body: new URLSearchParams(form) })
      const { access_token } = (await response.json()) as { access_token: string }
      const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
      expect(claims.aud).to.equal(`${issuer.url}/demo/mcp`)
    })

    it('is compared in canonical form on both endpoints', async () => {
      const shouted = issuer.url.replace('http://localhost', 'HTTP://LOCALHOST')
      const { request, code } = await codeFor({ resource: `${shouted}/demo/mcp` })
      const { status } = await exchange(issuer.url, client, request, code, { resource: `${shouted}/demo/mcp` })
      expect(status).to.equal(200)
    })

    for (const [title, path] of [
      ['an unknown path', '/other'],
      ['another case of the path', '/Demo/mcp'],
      ['a final slash, which names another server', '/demo/mcp/'],
      ['a fragment', '/demo/mcp#x'],
    ] as const) {
      it(`is refused with ${title}`, async () => {
        const back = await signIn(authorizationRequest(issuer.url, client, { resource: issuer.url + path }))
        expect(back.searchParams.get('error')).to.equal('invalid_target')
      })
    }

    it('is refused when a request names two', async () => {
      const request = authorizationRequest(issuer.url, client)
      request.url.searchParams.append('resource', 'https://other.example/mcp')
      expect((await signIn(request)).searchParams.get('error')).to.equal('invalid_target')
    })

    it('cannot be changed at the token endpoint', async () => {
      const { request, code } = await codeFor()
      const { status, body } = await exchange<{ error: string }>(issuer.url, client, request, code, {
        resource: 'https://other.example/mcp',
      })
      expect([status, body.error]).to.deep.equal([400, 'invalid_target'])
      expect((await exchange(issuer.url, client, request, code)).status, 'the code is not spent').to.equal(200)
    })
  })
})
