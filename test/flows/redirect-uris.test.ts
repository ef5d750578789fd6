import { expect } from 'chai'
import { authorizationRequest, type Registered, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('redirect URIs of requests', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer()
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  it('may vary in their port on loopback, for localhost, 127.0.0.1 and [::1], and in nothing else', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const native = await register(issuer.url, { redirect_uris: [`http://${host}/callback`] })
      const back = await signIn(
        authorizationRequest(issuer.url, native, { redirect_uri: `http://${host}:51234/callback` }),
      )
      expect(back.port).to.equal('51234')
      expect(back.searchParams.has('code')).to.equal(true)
    }
  })

  for (const [title, uri] of [
    ['another path', 'http://localhost:49152/other'],
    ['another loopback name', 'http://127.0.0.1:49152/callback'],
    ['another scheme', 'https://localhost:49152/callback'],
    ['a query', 'http://localhost:49152/callback?x=1'],
    ['another host', 'http://localhost.evil.example/callback'],
    ['a user name', 'http://localhost@evil.example/callback'],
  ] as const) {
    it(`are refused on a page, and never followed, with ${title}`, async () => {
      const { url } = authorizationRequest(issuer.url, client, { redirect_uri: uri })
      const response = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } })
      expect(response.status).to.equal(400)
      expect(response.headers.get('location')).to.equal(null)
      expect(await response.text()).to.include('did not register')
    })
  }
})
