import { expect } from 'chai'
import { authorizationRequest, postForm, postJson, register } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('limits of a running issuer', () => {
  let issuer: TestIssuer

  beforeEach(async () => {
    issuer = await startIssuer({
      config: (defaults) => ({ ...defaults, limits: { register: 2, authorize: 2, token: 2, signIn: 2 } }),
    })
  })
  afterEach(() => issuer.close())

  for (const [endpoint, ask] of [
    ['/register', () => postJson(`${issuer.url}/register`, { redirect_uris: ['https://a.example/'] })],
    ['/token', () => postForm(`${issuer.url}/token`, { grant_type: 'refresh_token', refresh_token: 'x' })],
    ['/interaction/*', () => fetch(`${issuer.url}/interaction/x`, { redirect: 'manual' })],
    ['/callback/*', () => fetch(`${issuer.url}/callback/dev?state=x&code=y`, { redirect: 'manual' })],
    ['/authorize', () => fetch(`${issuer.url}/authorize`, { redirect: 'manual' })],
  ] as const) {
    it(`answer ${endpoint} with 429 and a time to come back, and leave the rest alone`, async () => {
      for (let i = 0; i < 2; i += 1) expect((await ask()).status).to.not.equal(429)
      const { status, headers } = await ask()
      expect(status).to.equal(429)
      expect(headers.get('retry-after')).to.match(/^\d+$/)
      expect((await fetch(`${issuer.url}/jwks`)).status).to.equal(200)
    })
  }

  it('refuse an address of more than 8 KB', async () => {
    const client = await register(issuer.url)
    for (const [length, status] of [
      [4000, 303],
      [8192, 400],
    ] as const) {
      const { url } = authorizationRequest(issuer.url, client, { state: 'x'.repeat(length) })
      expect((await fetch(url, { redirect: 'manual' })).status).to.equal(status)
    }
  })
})
