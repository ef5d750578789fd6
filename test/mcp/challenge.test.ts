import { expect } from 'chai'
import { type Challenge, isChallenge, metadataUrl, protectedResource } from '../../src/mcp/index.ts'
import { type Issuer, issuer, mint, RESOURCE } from './support.ts'

describe('a challenge', () => {
  let as: Issuer
  before(async () => {
    as = await issuer()
  })
  after(() => as.close())

  const METADATA = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'
  const resource = (requiredScopes: string[] = []) =>
    protectedResource({ issuer: as.url, resource: RESOURCE, jwks: as.jwks, scopes: ['demo:read'], requiredScopes })

  function caught(error: unknown): Challenge {
    if (!isChallenge(error)) throw new Error('no challenge', { cause: error })
    return error
  }
  const thrown = (action: () => unknown): Challenge => {
    try {
      action()
    } catch (error) {
      return caught(error)
    }
    throw new Error('nothing was thrown')
  }

  it('names the metadata and the required scopes when a token is missing, and no error', async () => {
    const challenge = await resource(['demo:read']).verify(undefined).then(undefined, caught)
    expect(challenge).to.have.nested.property(
      'headers.WWW-Authenticate',
      `Bearer scope="demo:read", resource_metadata="${METADATA}"`,
    )
    expect(challenge).to.have.property('body').that.does.not.have.property('error')
  })

  it('asks for the union of what the token has and what is needed', async () => {
    const token = await mint(as, { claims: { scope: 'demo:read offline_access' } })
    const challenge = await resource()
      .verify(`Bearer ${token}`, { scopes: ['demo:write'] })
      .then(undefined, caught)
    expect(challenge).to.include({ status: 403 })
    expect(challenge).to.have.nested.property(
      'headers.WWW-Authenticate',
      'Bearer error="insufficient_scope", error_description="This needs the scope demo:write.", ' +
        `scope="demo:read demo:write", resource_metadata="${METADATA}"`,
    )
    expect(challenge).to.have.nested.property('body.error', 'insufficient_scope')
  })

  it('answers 403 for a token without a required scope', async () => {
    const token = await mint(as, { claims: { scope: undefined } })
    const challenge = await resource(['demo:read']).verify(`Bearer ${token}`).then(undefined, caught)
    expect(challenge).to.include({ status: 403 })
  })

  it('comes for one operation too, and for none when the token has the scope', async () => {
    const auth = resource()
    const info = await auth.verify(`Bearer ${await mint(as)}`)
    auth.requireScopes(info, ['demo:read'])
    expect(thrown(() => auth.requireScopes(info, ['demo:write'])).status).to.equal(403)
    expect(auth.scopeChallenge('demo:read')({ authInfo: info })).to.equal(undefined)
    expect(auth.scopeChallenge('demo:write')({ authInfo: info })).to.deep.equal({ scopes: ['demo:read', 'demo:write'] })
    expect(auth.scopeChallenge('demo:write')({})).to.deep.equal({ scopes: ['demo:write'] })
  })

  it('cannot be broken out of by a scope', async () => {
    const auth = resource()
    const scope = 'demo:read", error="x \r\nSet-Cookie:a=b \\" é'
    const info = await auth.verify(`Bearer ${await mint(as, { claims: { scope } })}`)
    expect(info.scopes).to.deep.equal([])
    const asked = ['a", scope="admin', 'b\r\nSet-Cookie: a=b\\', 'demo:write']
    expect(thrown(() => auth.requireScopes(info, asked)).headers['WWW-Authenticate']).to.equal(
      'Bearer error="insufficient_scope", ' +
        'error_description="This needs the scope a, scope=admin bSet-Cookie: a=b demo:write.", ' +
        `scope="demo:write", resource_metadata="${METADATA}"`,
    )
  })

  it('is refused at the start when a configured scope does not fit the grammar', () => {
    for (const scope of ['a b', 'a"b', 'a\\b', 'a\r\nb', '', 'é']) {
      expect(() => resource([scope])).to.throw(TypeError, 'not a scope')
      expect(() => resource().scopeChallenge(scope)).to.throw(TypeError, 'not a scope')
    }
  })
})

describe('protected resource metadata', () => {
  const ISSUER = 'https://id.example.com'

  it('is the document of RFC 9728, without offline_access', () => {
    const { metadata } = protectedResource({
      issuer: ISSUER,
      resource: RESOURCE,
      scopes: ['demo:read', 'offline_access', 'demo:write', 'demo:read'],
      name: 'Demo',
      documentation: 'https://mcp.example.com/docs',
    })
    expect(metadata).to.deep.equal({
      resource: RESOURCE,
      authorization_servers: [ISSUER],
      scopes_supported: ['demo:read', 'demo:write'],
      bearer_methods_supported: ['header'],
      resource_name: 'Demo',
      resource_documentation: 'https://mcp.example.com/docs',
    })
  })

  it('leaves out what is not known', () => {
    expect(protectedResource({ issuer: ISSUER, resource: RESOURCE }).metadata).to.have.all.keys(
      'resource',
      'authorization_servers',
      'bearer_methods_supported',
    )
  })

  for (const [resource, url] of [
    ['https://h.example', 'https://h.example/.well-known/oauth-protected-resource'],
    ['https://h.example/', 'https://h.example/.well-known/oauth-protected-resource'],
    ['https://h.example:8443/mcp', 'https://h.example:8443/.well-known/oauth-protected-resource/mcp'],
    ['https://h.example/a/b/', 'https://h.example/.well-known/oauth-protected-resource/a/b'],
    ['https://h.example/mcp?t=1', 'https://h.example/.well-known/oauth-protected-resource/mcp?t=1'],
  ] as const) {
    it(`of ${resource} is published at ${url}`, () => expect(metadataUrl(resource)).to.equal(url))
  }

  it('cannot be made for a resource or an issuer that is no secure URL', () => {
    for (const resource of ['https://h.example/mcp#part', 'ftp://h.example/', 'mcp']) {
      expect(() => protectedResource({ issuer: ISSUER, resource })).to.throw(TypeError)
    }
    for (const issuer of ['http://id.example.com', 'http://127.0.0.1.example.com', 'id.example.com']) {
      expect(() => protectedResource({ issuer, resource: RESOURCE })).to.throw(TypeError, 'issuer must be an https URL')
    }
  })
})
