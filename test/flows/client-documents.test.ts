import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Fetch } from '../../src/adapter.ts'
import { authorizationRequest, exchange, LOOPBACK_REDIRECT, type Registered, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const ID = 'https://app.example/oauth/client.json'

const DOCUMENT = {
  client_id: ID,
  client_name: 'Document client',
  redirect_uris: [LOOPBACK_REDIRECT],
  token_endpoint_auth_method: 'none',
}

describe('Client ID Metadata Documents', () => {
  let issuer: TestIssuer
  /** What the web answers, by address. */
  const web = new Map<string, unknown>()
  const fetched: string[] = []

  before(async () => {
    const fetchForClients: Fetch = async (input) => {
      fetched.push(String(input))
      const document = web.get(String(input))
      return document === undefined ? new Response(null, { status: 404 }) : Response.json(document)
    }
    issuer = await startIssuer({ fetchForClients })
  })
  after(() => issuer.close())
  beforeEach(() => {
    web.clear()
    fetched.length = 0
  })

  let serial = 0
  /** A document at an address of its own, since documents are cached. */
  function publish(changes: Record<string, unknown> = {}): Registered {
    serial += 1
    const id = `${ID}?v=${serial}`
    web.set(id, { ...DOCUMENT, client_id: id, ...changes })
    return { ...DOCUMENT, client_id: id }
  }

  const open = (client: Registered, changes = {}) =>
    fetch(authorizationRequest(issuer.url, client, changes).url, {
      redirect: 'manual',
      headers: { accept: 'text/html' },
    })

  it('make a client out of a URL, and show its host', async () => {
    const client = publish()
    const request = authorizationRequest(issuer.url, client)
    let consent = ''
    const back = await signIn(request, { onPage: (page) => (consent ||= page.html) })
    expect(consent).to.include('Document client').and.to.include('app.example')
    const { status, body } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '')
    expect(status).to.equal(200)
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims.client_id).to.equal(client.client_id)
  })

  it('are fetched once and then taken from the cache', async () => {
    const client = publish()
    await open(client)
    await open(client)
    expect(fetched).to.deep.equal([client.client_id])
  })

  for (const [title, changes] of [
    ['names another client_id', { client_id: 'https://app.example/other.json' }],
    ['has no name', { client_name: undefined }],
    ['has no redirect URIs', { redirect_uris: undefined }],
    ['holds a secret', { client_secret: 'x'.repeat(40) }],
    ['asks for a shared secret', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['has a redirect URI that runs code', { redirect_uris: ['javascript:alert(1)'] }],
    ['has a redirect URI that is plain http', { redirect_uris: ['http://evil.example/cb'] }],
    ['has a redirect URI with a pattern', { redirect_uris: ['https://*.app.example/cb'] }],
  ] as const) {
    it(`are refused when the document ${title}`, async () => {
      const response = await open(publish(changes))
      expect(response.status).to.equal(400)
      expect(await response.text()).to.include('could not be identified')
    })
  }

  it('are refused when the request names a redirect URI that is not in the document', async () => {
    const response = await open(publish(), { redirect_uri: 'https://evil.example/cb' })
    expect(response.status).to.equal(400)
    expect(response.headers.get('location')).to.equal(null)
  })

  for (const id of [
    'https://app.example',
    'https://app.example/',
    'http://app.example/client.json',
    'https://user@app.example/client.json',
    'https://app.example/a/../client.json',
    'https://app.example/client.json#x',
  ]) {
    it(`are not fetched from ${id}`, async () => {
      const response = await open({ ...DOCUMENT, client_id: id })
      expect(response.status).to.equal(400)
      expect(fetched).to.deep.equal([])
    })
  }

  it('ignore members that would weaken the client or limit its scopes', async () => {
    const client = publish({ scope: 'nothing', response_types: ['code'], id_token_signed_response_alg: 'none' })
    const back = await signIn(authorizationRequest(issuer.url, client, { scope: 'openid demo:write' }))
    expect(back.searchParams.has('code')).to.equal(true)
  })

  describe('with private_key_jwt', () => {
    const JWKS = 'https://app.example/jwks.json'

    async function assertion(
      client: Registered,
      key: Parameters<SignJWT['sign']>[0],
      changes: Record<string, unknown> = {},
    ): Promise<string> {
      return new SignJWT({ jti: crypto.randomUUID(), ...changes })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .setIssuer(client.client_id)
        .setSubject(client.client_id)
        .setAudience(String(changes.aud ?? issuer.url))
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(key)
    }

    it('authenticate by a key of their jwks_uri, once per assertion and for this issuer only', async () => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
      const client = publish({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: JWKS })
      web.set(JWKS, { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] })
      const codeNow = async () => {
        const request = authorizationRequest(issuer.url, client)
        return { request, code: (await signIn(request)).searchParams.get('code') ?? '' }
      }
      const type = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }
      const once = await assertion(client, privateKey)

      const first = await codeNow()
      expect((await exchange(issuer.url, client, first.request, first.code)).status).to.equal(401)
      const good = await exchange(issuer.url, client, first.request, first.code, { ...type, client_assertion: once })
      expect(good.status).to.equal(200)

      const second = await codeNow()
      const foreign = await assertion(client, privateKey, { aud: `${issuer.url}/token` })
      for (const client_assertion of [once, foreign]) {
        const answer = await exchange<{ error: string }>(issuer.url, client, second.request, second.code, {
          ...type,
          client_assertion,
        })
        expect([answer.status, answer.body.error]).to.deep.equal([401, 'invalid_client'])
      }
    })
  })
})
