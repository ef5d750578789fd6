import { expect } from 'chai'
import { obtainTokens, register } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

type Document = Record<string, string & string[] & boolean>

const DOCUMENTS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

describe('metadata', () => {
  let issuer: TestIssuer
  let document: Document

  before(async () => {
    issuer = await startIssuer()
    document = await read(`${issuer.url}/.well-known/oauth-authorization-server`)
  })
  after(() => issuer.close())

  async function read(url: string): Promise<Document> {
    const response = await fetch(url, { redirect: 'error' })
    expect([url, response.status]).to.deep.equal([url, 200])
    expect(response.headers.get('content-type')).to.include('application/json')
    expect(response.headers.get('access-control-allow-origin')).to.equal('*')
    return (await response.json()) as Document
  }

  it('is the same by RFC 8414 and by OpenID discovery, with and without a final slash', async () => {
    for (const path of DOCUMENTS.flatMap((name) => [name, `${name}/`])) {
      expect(await read(issuer.url + path)).to.deep.equal(document)
    }
  })

  it('names root endpoints of the issuer', () => {
    expect(document).to.include({
      issuer: issuer.url,
      authorization_endpoint: `${issuer.url}/authorize`,
      token_endpoint: `${issuer.url}/token`,
      registration_endpoint: `${issuer.url}/register`,
      jwks_uri: `${issuer.url}/jwks`,
      revocation_endpoint: `${issuer.url}/revoke`,
      introspection_endpoint: `${issuer.url}/introspect`,
    })
  })

  it('offers the code flow with S256 and nothing weaker', () => {
    expect(document.response_types_supported).to.deep.equal(['code'])
    expect(document.response_modes_supported).to.deep.equal(['query'])
    expect(document.code_challenge_methods_supported).to.deep.equal(['S256'])
    expect(document.grant_types_supported).to.have.members(['authorization_code', 'refresh_token'])
    expect(document.token_endpoint_auth_methods_supported).to.have.members([
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ])
    const algorithms = Object.entries(document).filter(([name]) => name.includes('_alg'))
    expect(algorithms).to.not.have.length(0)
    for (const [, list] of algorithms) expect(list).to.not.include.members(['none']).and.not.include.members(['HS256'])
    expect(document.introspection_endpoint_auth_methods_supported).to.not.include('none')
  })

  it('says that iss is sent and that client_id may be a metadata document', () => {
    expect(document.authorization_response_iss_parameter_supported).to.equal(true)
    expect(document.client_id_metadata_document_supported).to.equal(true)
  })

  it('lists the scopes of the resources, which clients may take over as they are', () => {
    expect(document.scopes_supported).to.have.members(['openid', 'offline_access', 'demo:read', 'demo:write'])
  })

  it('names no endpoint that is not there', async () => {
    const endpoints = Object.entries(document).filter(([name]) => /(_endpoint|_uri)$/.test(name))
    expect(endpoints).to.have.length(6)
    for (const [name, url] of endpoints) {
      const get = /^(authorization|jwks)/.test(name)
      const response = await fetch(url, get ? {} : { method: 'POST' })
      expect([name, response.status]).to.not.include(404)
    }
  })

  it('publishes ES256 and RS256 keys without a private part', async () => {
    const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: Record<string, string>[] }
    expect(keys.map(({ alg }) => alg)).to.have.members(['ES256', 'RS256'])
    for (const key of keys) expect(key).to.include.keys('kid').and.not.have.any.keys('d', 'p', 'q', 'k')
  })

  it('does not depend on the Host header or forwarded headers', async () => {
    const response = await fetch(`${issuer.url}/.well-known/openid-configuration`, {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' },
    })
    expect(await response.json()).to.deep.equal(document)
  })

  it('leaves out the registration endpoint when registration is off, and answers it 404', async () => {
    const closed = await startIssuer({ config: (defaults) => ({ ...defaults, registration: { enabled: false } }) })
    const { registration_endpoint } = await read(`${closed.url}/.well-known/oauth-authorization-server`)
    const response = await fetch(`${closed.url}/register`, { method: 'POST' })
    await closed.close()
    expect([registration_endpoint, response.status]).to.deep.equal([undefined, 404])
  })

  it('is protected resource metadata for each resource (RFC 9728)', async () => {
    const metadata = await read(`${issuer.url}/.well-known/oauth-protected-resource/demo/mcp`)
    expect(metadata).to.include({ resource: `${issuer.url}/demo/mcp`, resource_name: 'Demo MCP server' })
    expect(metadata.authorization_servers).to.deep.equal([issuer.url])
    expect(metadata.scopes_supported, 'those of basic use').to.deep.equal(['demo:read'])
  })

  describe('of an issuer with a path', () => {
    let tenant: TestIssuer
    before(async () => {
      tenant = await startIssuer({ path: '/t1' })
    })
    after(() => tenant.close())

    it('is found by every form of its address', async () => {
      const { origin } = new URL(tenant.url)
      for (const name of DOCUMENTS) {
        for (const path of [`${name}/t1`, `/t1${name}`, `${name}/t1/`]) {
          const found = await read(origin + path)
          expect(found).to.include({
            issuer: tenant.url,
            authorization_endpoint: `${tenant.url}/authorize`,
            token_endpoint: `${tenant.url}/token`,
            jwks_uri: `${tenant.url}/jwks`,
          })
        }
      }
    })

    it('serves nothing beside its path', async () => {
      const { origin } = new URL(tenant.url)
      for (const path of ['/', '/jwks', '/t1x/jwks', '/.well-known/openid-configuration']) {
        expect([path, (await fetch(origin + path)).status]).to.deep.equal([path, 404])
      }
    })

    it('carries a whole sign-in', async () => {
      const tokens = await obtainTokens(tenant.url, await register(tenant.url))
      expect(tokens.scope).to.equal('demo:read')
    })
  })

  describe('for pages of other origins (CORS)', () => {
    const ORIGIN = { origin: 'http://localhost:6274' }

    for (const [path, method] of [
      ['/.well-known/oauth-authorization-server', 'GET'],
      ['/.well-known/openid-configuration', 'GET'],
      ['/.well-known/oauth-protected-resource/demo/mcp', 'GET'],
      ['/jwks', 'GET'],
      ['/register', 'POST'],
      ['/token', 'POST'],
      ['/revoke', 'POST'],
    ] as const) {
      it(`${method} ${path} answers preflights and carries the header also on errors`, async () => {
        const preflight = await fetch(issuer.url + path, {
          method: 'OPTIONS',
          headers: {
            ...ORIGIN,
            'access-control-request-method': method,
            'access-control-request-headers': 'content-type,mcp-protocol-version',
          },
        })
        expect(preflight.status).to.equal(204)
        expect(preflight.headers.get('access-control-allow-methods')).to.include(method)
        expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).to.include('mcp-protocol-version')
        const response = await fetch(issuer.url + path, { method, headers: ORIGIN })
        expect(response.headers.get('access-control-allow-origin')).to.equal('*')
        expect(response.headers.get('access-control-allow-credentials')).to.equal(null)
      })
    }

    for (const path of ['/', '/authorize', '/introspect', '/interaction/x']) {
      it(`${path} is not for them`, async () => {
        const response = await fetch(issuer.url + path, { headers: ORIGIN })
        expect(response.headers.get('access-control-allow-origin')).to.equal(null)
      })
    }
  })
})
