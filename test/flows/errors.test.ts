import { expect } from 'chai'
import type { StoreEngine } from '../../src/store.ts'
import { StoreUnavailable } from '../../src/store.ts'
import {
  authorizationRequest,
  browserFor,
  obtainTokens,
  postForm,
  postJson,
  type Registered,
  refresh,
  register,
} from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const WEB_REDIRECT = 'https://app.example/callback?code=mine'

describe('errors', () => {
  let issuer: TestIssuer
  let client: Registered
  let web: Registered
  let broken = false

  before(async () => {
    issuer = await startIssuer({ store: (store) => breakable(store, () => broken) })
    client = await register(issuer.url)
    web = await register(issuer.url, { redirect_uris: [WEB_REDIRECT] })
  })
  after(() => issuer.close())
  afterEach(() => {
    broken = false
  })

  const browse = (url: URL | string) => fetch(url, { redirect: 'manual', headers: HTML })

  describe('for people', () => {
    it('are pages with a reference that is also in the log, with the cause and the remedy, and without a stack', async () => {
      const response = await browse(authorizationRequest(issuer.url, { ...client, client_id: 'gone' }).url)
      expect(response.status).to.equal(400)
      expect(response.headers.get('content-type')).to.include('text/html')
      const html = await response.text()
      expect(html).to.include('remove this connection')
      const reference = /\b[0-9A-HJKMNP-TV-Z]{8}\b/.exec(html)?.[0]
      const line = issuer.logged.find((entry) => entry.reference === reference && entry.code === 'unknown_client')
      expect(line).to.include.keys('causes', 'operator')
      expect(html).to.not.match(/\bat .*\.(ts|js):\d/)
    })

    for (const [title, changes, words] of [
      ['a missing client_id', { client_id: undefined }, 'cannot be used'],
      ['a redirect URI that was not registered', { redirect_uri: 'https://evil.example/' }, 'did not register'],
      ['a client_id that is a URL without a path', { client_id: 'https://evil.example/' }, 'could not be identified'],
    ] as const) {
      it(`explain ${title} and go nowhere`, async () => {
        const response = await browse(authorizationRequest(issuer.url, client, changes).url)
        expect(response.status).to.equal(400)
        expect(response.headers.get('location')).to.equal(null)
        expect(await response.text()).to.include(words)
      })
    }

    it('explain an interaction that is over', async () => {
      for (const path of ['/interaction/unknown', '/authorize/unknown', '/callback/dev?state=unknown']) {
        const response = await browse(issuer.url + path)
        expect([path, response.status]).to.deep.equal([path, 400])
        expect(await response.text()).to.include('no longer open')
      }
    })

    it('name an address that does not exist', async () => {
      for (const path of [
        '/nothing',
        '/session/end',
        '/me',
        '/request',
        '/callback/nobody?state=x',
        '/register/some-id',
      ]) {
        const response = await browse(issuer.url + path)
        expect([path, response.status]).to.deep.equal([path, 404])
      }
    })
  })

  describe('never send a browser to a web host by themselves (RFC 9700 section 4.11.2)', () => {
    for (const [title, changes] of [
      ['prompt=none', { prompt: 'none' }],
      ['an unknown response_type', { response_type: 'token' }],
      ['the plain PKCE method', { code_challenge_method: 'plain' }],
      ['an unknown resource', { resource: 'https://other.example/mcp' }],
      ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }],
      ['another response_mode', { response_mode: 'fragment' }],
    ] as const) {
      it(`with ${title}`, async () => {
        const response = await browse(authorizationRequest(issuer.url, web, changes).url)
        expect(response.status).to.equal(400)
        expect(response.headers.get('location')).to.equal(null)
        const html = await response.text()
        expect(html).to.include('app.example').and.to.include('iss=')
      })
    }
  })

  describe('for clients', () => {
    it('name an unknown client at the token endpoint by 401 invalid_client', async () => {
      for (const accept of ['application/json', HTML.accept]) {
        const { status, body } = await postForm(
          `${issuer.url}/token`,
          { grant_type: 'refresh_token', client_id: 'gone', refresh_token: 'x' },
          { accept },
        )
        expect([status, body.error]).to.deep.equal([401, 'invalid_client'])
      }
    })

    for (const [title, body, error] of [
      ['a redirect URI that is plain http', { redirect_uris: ['http://evil.example/cb'] }, 'invalid_redirect_uri'],
      ['no redirect URI', { client_name: 'x' }, 'invalid_redirect_uri'],
      ['a list for a body', [], 'invalid_client_metadata'],
      [
        'an unknown authentication method',
        { redirect_uris: ['https://a.example/'], token_endpoint_auth_method: 'client_secret_jwt' },
        'invalid_client_metadata',
      ],
    ] as const) {
      it(`refuse to register ${title}`, async () => {
        const answer = await postJson(`${issuer.url}/register`, body)
        expect([answer.status, answer.body.error]).to.deep.equal([400, error])
        expect(answer.body.error_description).to.be.a('string')
      })
    }

    it('survive bodies that are broken, too large or too deep', async () => {
      const deep = `{"jwks":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
      for (const body of [
        '{',
        'null',
        '"x"',
        deep,
        `{"client_name":"${'x'.repeat(20_000)}"}`,
        '\u0000',
        '{"redirect_uris":{"$gt":""}}',
      ]) {
        const response = await fetch(`${issuer.url}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
        expect(response.status).to.equal(400)
        expect(await response.json()).to.have.property('error')
      }
    })
  })

  it('do not come to a client with a live grant, while unused ones are dropped after a day', async () => {
    const used = await register(issuer.url)
    const unused = await register(issuer.url)
    const { refresh_token } = await obtainTokens(issuer.url, used)
    issuer.advance(2 * 86_400_000)
    const kept = await refresh(issuer.url, used, refresh_token)
    const dropped = await fetch(authorizationRequest(issuer.url, unused).url, { redirect: 'manual' })
    issuer.advance(-2 * 86_400_000)
    expect([kept.status, dropped.status]).to.deep.equal([200, 400])
  })

  describe('while the store does not answer', () => {
    const unavailable = (response: { status: number; headers: Headers }) => {
      expect(response.status).to.equal(503)
      expect(response.headers.get('retry-after')).to.match(/^\d+$/)
    }

    it('are 503 with Retry-After everywhere, and never invalid_client or invalid_grant', async () => {
      const { refresh_token } = await obtainTokens(issuer.url, client)
      const request = authorizationRequest(issuer.url, client)
      const browser = browserFor(request)
      const { page } = await browser.open(request.url)
      broken = true
      const token = await refresh<{ error: string }>(issuer.url, client, refresh_token)
      unavailable(token)
      expect(token.body.error).to.equal('temporarily_unavailable')
      unavailable(await postJson(`${issuer.url}/register`, { redirect_uris: ['https://a.example/'] }))
      unavailable(await postForm(`${issuer.url}/revoke`, { token: refresh_token, client_id: client.client_id }))
      unavailable(await browse(authorizationRequest(issuer.url, client).url))
      unavailable(await fetch(`${issuer.url}/healthz`))
      const again = await browser.open(page?.url ?? '')
      expect(again.page?.status).to.equal(503)

      for (const path of ['/.well-known/oauth-authorization-server', '/jwks', '/']) {
        expect((await fetch(issuer.url + path)).status).to.equal(200)
      }
      broken = false
      expect((await refresh(issuer.url, client, refresh_token)).status).to.equal(200)
    })
  })

  it('leave no code, token, cookie, state or query string in the log', async () => {
    const state = 'state-that-must-not-be-logged'
    const request = authorizationRequest(issuer.url, client, { state, login_hint: 'ada@secret.example' })
    const browser = browserFor(request)
    const tokens = await obtainTokens(issuer.url, client, { state })
    await browser.open(request.url)
    await refresh(issuer.url, client, 'wrong-token-value-that-must-not-be-logged')
    const text = JSON.stringify(issuer.logged)
    for (const secret of [
      state,
      'ada@secret',
      tokens.access_token,
      tokens.refresh_token,
      'must-not-be-logged',
      request.verifier,
    ]) {
      expect(text).to.not.include(secret)
    }
  })
})

/** The engine as it is, until it is told to be away. */
function breakable(store: StoreEngine, isBroken: () => boolean): StoreEngine {
  return new Proxy(store, {
    get(target, name: keyof StoreEngine) {
      const verb = target[name] as (...args: unknown[]) => Promise<unknown>
      return (...args: unknown[]) => {
        if (isBroken()) return Promise.reject(new StoreUnavailable('the engine is away'))
        return verb.apply(target, args)
      }
    },
  })
}
