import { expect } from 'chai'
import { authorizationRequest, postJson, register, signIn } from '../support/client.ts'
import { openConsent, press } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('requests in other shapes', () => {
  let issuer: TestIssuer
  before(async () => {
    issuer = await startIssuer()
  })
  after(() => issuer.close())

  it('may ask /authorize by POST (OpenID Connect Core section 3.1.2.1)', async () => {
    const request = authorizationRequest(issuer.url, await register(issuer.url))
    const posted = await fetch(`${issuer.url}/authorize`, {
      method: 'POST',
      redirect: 'manual',
      body: request.url.searchParams,
    })
    expect(posted.status).to.equal(303)
    const location = posted.headers.get('location') ?? ''
    expect(location.startsWith(`${issuer.url}/authorize?`)).to.equal(true)
    expect((await signIn({ ...request, url: new URL(location) })).searchParams.has('code')).to.equal(true)
  })

  it('cannot be pushed, nor name one that was (RFC 9126)', async () => {
    const form = authorizationRequest(issuer.url, await register(issuer.url))
    expect((await fetch(`${issuer.url}/request`, { method: 'POST', body: form.url.searchParams })).status).to.equal(404)
    form.url.searchParams.set('request_uri', 'urn:ietf:params:oauth:request_uri:x')
    const { status, headers } = await fetch(form.url, { redirect: 'manual' })
    expect(status).to.equal(303)
    const answer = new URL(headers.get('location') ?? '').searchParams
    expect(answer.get('error')).to.equal('request_uri_not_supported')
  })

  for (const path of ['/token', '/register', '/revoke', '/introspect']) {
    it(`are told by 405 that ${path} takes POST`, async () => {
      const response = await fetch(issuer.url + path)
      expect([response.status, response.headers.get('allow')]).to.deep.equal([405, 'POST'])
    })
  }

  it('find no introspection where no server may introspect', async () => {
    const closed = await startIssuer({
      config: (defaults) => ({
        ...defaults,
        resources: (defaults.resources ?? []).map(({ introspection: _, ...resource }) => resource),
      }),
    })
    const metadata = await (await fetch(`${closed.url}/.well-known/oauth-authorization-server`)).json()
    const { status } = await fetch(`${closed.url}/introspect`, { method: 'POST' })
    await closed.close()
    expect(metadata).to.not.have.any.keys('introspection_endpoint', 'introspection_endpoint_auth_methods_supported')
    expect(status).to.equal(404)
  })

  for (const mode of ['form_post', 'fragment', 'web_message']) {
    it(`get no page that submits itself, and no redirect, for response_mode=${mode} to a web host`, async () => {
      const client = await register(issuer.url, { redirect_uris: ['https://app.example/cb'] })
      const response = await fetch(authorizationRequest(issuer.url, client, { response_mode: mode }).url, {
        redirect: 'manual',
        headers: { accept: 'text/html' },
      })
      const html = await response.text()
      expect([response.status, response.headers.get('location')]).to.deep.equal([400, null])
      expect(html).to.include('Go back to').and.not.include('<script')
    })
  }

  it('cannot register an address of the issuer itself', async () => {
    for (const path of ['/', '/callback/dev', '/demo/mcp', '/authorize?x=1']) {
      const { status, body } = await postJson(`${issuer.url}/register`, { redirect_uris: [issuer.url + path] })
      expect([path, status, body.error]).to.deep.equal([path, 400, 'invalid_redirect_uri'])
    }
  })

  it('keep a registered redirect URI as it is, to the byte, when the user cancels', async () => {
    const registered = 'https://app.example/cb?x=a%20b&y=%7E'
    const client = await register(issuer.url, { redirect_uris: [registered] })
    const { browser, page } = await openConsent(issuer.url, client)
    const html = await (await press(browser, page, { form: { decision: 'cancel' } })).text()
    expect(html).to.include(`${registered.replaceAll('&', '&amp;')}&amp;error=access_denied`)
  })

  it('get a description of what is wrong with a registration that is not JSON', async () => {
    const response = await fetch(`${issuer.url}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"client_name":',
    })
    const body = (await response.json()) as Record<string, string>
    expect([response.status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    expect(body.error_description).to.include('JSON')
  })
})
