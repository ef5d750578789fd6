import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { authorizationRequest, LOOPBACK_REDIRECT, postForm, type Registered, refresh } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const JWKS = 'https://app.example/jwks.json'

describe('a host of client documents', () => {
  let issuer: TestIssuer
  let away = false
  let fetches = 0
  let answer = 503
  const web = new Map<string, object>()

  const start = () =>
    startIssuer({
      async fetchForClients(input) {
        fetches += 1
        if (away && answer === 0) throw new TypeError('fetch failed')
        if (away) return new Response('busy', { status: answer })
        const document = web.get(String(input))
        return document ? Response.json(document) : new Response(null, { status: 404 })
      },
    })

  beforeEach(async () => {
    issuer = await start()
    away = false
    answer = 503
    fetches = 0
  })
  afterEach(() => issuer.close())

  let serial = 0
  function publish(changes: object = {}): Registered {
    serial += 1
    const client_id = `https://app.example/client-${serial}.json`
    const client = { client_id, client_name: 'Document client', redirect_uris: [LOOPBACK_REDIRECT] }
    web.set(client_id, { ...client, ...changes })
    return client
  }

  for (const status of [0, 500, 503, 429]) {
    it(`that ${status ? `answers ${status}` : 'cannot be reached'} is an outage, and never invalid_client`, async () => {
      const client = publish()
      away = true
      answer = status
      const token = await refresh<{ error: string }>(issuer.url, client, 'x')
      expect([token.status, token.body.error]).to.deep.equal([503, 'temporarily_unavailable'])
      expect(token.headers.get('retry-after')).to.match(/^\d+$/)
      const page = await fetch(authorizationRequest(issuer.url, client).url, { headers: { accept: 'text/html' } })
      expect(page.status).to.equal(503)
    })
  }

  it('that does not have the document is no outage', async () => {
    const { status, body } = await refresh<{ error: string }>(
      issuer.url,
      { ...publish(), client_id: `${JWKS}-gone` },
      'x',
    )
    expect([status < 500, body.error]).to.deep.equal([true, 'invalid_client'])
  })

  it('that is away is left alone for half a minute', async () => {
    const client = publish()
    away = true
    for (let i = 0; i < 5; i += 1) await refresh(issuer.url, client, 'x')
    expect(fetches).to.equal(1)
    away = false
    issuer.advance(31_000)
    expect((await refresh<{ error: string }>(issuer.url, client, 'x')).body.error).to.equal('invalid_grant')
  })

  it('is asked at most sixty times a minute for one client address, through whichever endpoint', async () => {
    for (let i = 0; i < 100; i += 1) {
      const path = ['token', 'revoke'][i % 2]
      await postForm(`${issuer.url}/${path}`, {
        client_id: publish().client_id,
        token: 'x',
        grant_type: 'refresh_token',
      })
    }
    expect(fetches).to.equal(60)
  })

  describe('with assertions', () => {
    it('that live for more than five minutes or have an endless jti are refused, and nothing is kept of them', async () => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
      const client = publish({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: JWKS })
      web.set(JWKS, { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', use: 'sig' }] })
      const now = Math.floor(Date.now() / 1000)
      for (const claims of [
        { exp: now + 1e9 },
        { exp: 1e16 },
        { exp: 1e300 },
        { exp: now + 60, jti: 'x'.repeat(5000) },
      ]) {
        const assertion = await new SignJWT({
          iss: client.client_id,
          sub: client.client_id,
          aud: issuer.url,
          jti: 'j',
          ...claims,
        })
          .setProtectedHeader({ alg: 'RS256' })
          .sign(privateKey)
        const { status, body } = await postForm(`${issuer.url}/revoke`, {
          token: 'x',
          client_id: client.client_id,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        })
        expect([status, body.error]).to.deep.equal([401, 'invalid_client'])
      }
      expect(await issuer.store.count('ReplayDetection')).to.equal(0)
    })
  })
})
