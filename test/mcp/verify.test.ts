import { expect } from 'chai'
import { exportSPKI, generateKeyPair, UnsecuredJWT } from 'jose'
import { type Challenge, isChallenge, type ProtectedResource, protectedResource } from '../../src/mcp/index.ts'
import { type Issuer, issuer, type Minting, mint, now, RESOURCE } from './support.ts'

describe('the access token verifier', () => {
  let as: Issuer
  let resource: ProtectedResource

  beforeEach(async () => {
    as = await issuer()
    resource = protectedResource({ issuer: as.url, resource: RESOURCE })
  })
  afterEach(() => as.close())

  async function refusal(authorization: string | undefined): Promise<Challenge> {
    const outcome = await resource.verify(authorization).catch((error: unknown) => error)
    if (!isChallenge(outcome)) throw new Error('no challenge', { cause: outcome })
    return outcome
  }
  async function refused(minting: Minting): Promise<void> {
    const challenge = await refusal(`Bearer ${await mint(as, minting)}`)
    expect(challenge.status).to.equal(401)
    expect(challenge.headers['WWW-Authenticate']).to.match(/^Bearer error="invalid_token", /)
    expect(challenge.body.error).to.equal('invalid_token')
  }

  it('accepts a token that is right in every respect and says who calls', async () => {
    const exp = now() + 600
    const token = await mint(as, { claims: { exp, scope: 'demo:read demo:write', groups: ['staff'], name: 'Ada' } })
    const info = await resource.verify(`Bearer ${token}`)
    expect(info).to.deep.include({ token, clientId: 'client-1', scopes: ['demo:read', 'demo:write'], expiresAt: exp })
    expect(info.resource.href).to.equal(RESOURCE)
    expect(info.extra).to.include({ sub: 'user-1', name: 'Ada' })
    expect(info.extra.groups).to.deep.equal(['staff'])
  })

  it('accepts the scheme in lower case and the long form of the type', async () => {
    await resource.verify(`bearer ${await mint(as, { header: { typ: 'application/at+jwt' } })}`)
  })

  it('accepts an RS256 signature', async () => {
    const rsa = await generateKeyPair('RS256')
    const local = protectedResource({ issuer: as.url, resource: RESOURCE, jwks: async () => rsa.publicKey })
    await local.verify(`Bearer ${await mint(as, { header: { alg: 'RS256' }, key: rsa.privateKey })}`)
  })

  it('accepts an audience given as a list of one', async () => {
    await resource.verify(`Bearer ${await mint(as, { claims: { aud: [RESOURCE] } })}`)
  })

  it('takes the two spellings of a root resource as one', async () => {
    const root = protectedResource({ issuer: as.url, resource: 'https://MCP.example.com/', jwks: as.jwks })
    await root.verify(`Bearer ${await mint(as, { claims: { aud: 'https://mcp.example.com' } })}`)
  })

  it('refuses an ID token', () => refused({ header: { typ: 'JWT' } }))
  it('refuses a token without a type', () => refused({ header: { typ: undefined } }))
  it('refuses another issuer', () => refused({ claims: { iss: 'https://evil.example.com' } }))
  it('refuses the issuer written with a slash', () => refused({ claims: { iss: `${as.url}/` } }))
  it('refuses another audience', () => refused({ claims: { aud: 'https://other.example.com/mcp' } }))
  it('refuses the audience with a slash at its end', () => refused({ claims: { aud: `${RESOURCE}/` } }))
  it('refuses an audience that names another server beside this one', () =>
    refused({ claims: { aud: [RESOURCE, 'https://other.example.com/mcp'] } }))
  it('refuses an expired token', () => refused({ claims: { exp: now() - 60 } }))
  it('refuses a token that is not valid yet', () => refused({ claims: { nbf: now() + 300 } }))
  it('refuses a token bound to a key', () => refused({ claims: { cnf: { jkt: 'thumbprint' } } }))
  it('refuses claims of the wrong kind', () => refused({ claims: { groups: 'admins' } }))
  for (const claim of ['exp', 'iat', 'aud', 'sub', 'client_id', 'jti']) {
    it(`refuses a token without ${claim}`, () => refused({ claims: { [claim]: undefined } }))
  }
  for (const claim of ['sub', 'client_id']) {
    it(`refuses a token with an empty ${claim}`, () => refused({ claims: { [claim]: '' } }))
  }

  it('refuses a signature by another key under the same key id', async () => {
    const other = await generateKeyPair('ES256')
    await refused({ key: other.privateKey })
  })
  it('refuses a key id that the issuer does not publish', () => refused({ header: { kid: 'k2' } }))

  it('refuses a token without a signature', async () => {
    const claims = { sub: 'user-1', client_id: 'client-1', jti: '1', iat: now(), exp: now() + 60 }
    const token = new UnsecuredJWT({ ...claims, iss: as.url, aud: RESOURCE }).encode()
    expect((await refusal(`Bearer ${token}`)).body.error).to.equal('invalid_token')
  })

  it('refuses a token signed with the public key as a shared secret', async () => {
    const secret = new TextEncoder().encode(await exportSPKI(as.key.publicKey))
    const local = protectedResource({ issuer: as.url, resource: RESOURCE, jwks: async () => secret })
    const outcome = local.verify(`Bearer ${await mint(as, { header: { alg: 'HS256' }, key: secret })}`)
    expect(await outcome.catch((error: unknown) => isChallenge(error) && error.status)).to.equal(401)
  })

  it('says nothing of an error when no token was sent', async () => {
    for (const value of [undefined, '', 'Bearer', 'Bearer ', 'Basic dTpw']) {
      const challenge = await refusal(value)
      expect(challenge.status).to.equal(401)
      expect(challenge.headers['WWW-Authenticate']).to.equal(`Bearer resource_metadata="${resource.metadataUrl}"`)
    }
  })

  it('refuses two credentials in one header', async () => {
    const token = await mint(as)
    for (const value of [`Bearer ${token}, Bearer ${token}`, `Bearer ${token} ${token}`, `Bearer Bearer ${token}`]) {
      expect((await refusal(value)).body.error).to.equal('invalid_token')
    }
  })

  it('never repeats the token in its answer', async () => {
    const token = await mint(as, { claims: { exp: 1 } })
    const challenge = await refusal(`Bearer ${token}`)
    expect(JSON.stringify([challenge.headers, challenge.body])).to.not.include(token.split('.')[1])
  })
})

describe("the issuer's keys", () => {
  let as: Issuer
  afterEach(() => as.close())

  const status = (resource: ProtectedResource, token: string) =>
    resource.verify(`Bearer ${token}`).then(
      () => 200,
      (error: unknown) => (isChallenge(error) ? error.status : error),
    )

  it('are found below the path of the issuer, once, and only when a token arrives', async () => {
    as = await issuer('/tenant')
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE })
    expect(as.requests).to.deep.equal([])
    const token = await mint(as)
    expect(await Promise.all([status(resource, token), status(resource, token)])).to.deep.equal([200, 200])
    expect(await status(resource, token)).to.equal(200)
    expect(as.requests).to.deep.equal(['/.well-known/oauth-authorization-server/tenant', '/tenant/jwks'])
  })

  it('answer 503 with Retry-After while they cannot be fetched, and work again afterwards', async () => {
    as = await issuer()
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE })
    const token = await mint(as)
    as.down = true
    const outcome = await resource.verify(`Bearer ${token}`).catch((error: unknown) => error)
    if (!isChallenge(outcome)) throw new Error('no challenge', { cause: outcome })
    expect(outcome.status).to.equal(503)
    expect(outcome.headers).to.have.property('Retry-After').that.matches(/^\d+$/)
    expect(outcome.headers).to.not.have.property('WWW-Authenticate')
    as.down = false
    expect(await status(resource, token)).to.equal(200)
  })

  it('answer 503 when only the key set cannot be fetched', async () => {
    as = await issuer()
    as.metadata = { jwks_uri: `${as.url}/gone` }
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE })
    expect(await status(resource, await mint(as))).to.equal(503)
  })

  it('are not taken from metadata that names another issuer', async () => {
    as = await issuer()
    as.metadata = { issuer: 'https://evil.example.com' }
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE })
    expect(await status(resource, await mint(as))).to.equal(503)
    expect(as.requests).to.not.include('/jwks')
  })

  it('are not fetched over plain http from another machine', async () => {
    as = await issuer()
    as.metadata = { jwks_uri: 'http://keys.example.com/jwks' }
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE })
    const outcome = await resource.verify(`Bearer ${await mint(as)}`).catch((error: Error) => error)
    expect(String((outcome as Error & { cause: Error }).cause.cause)).to.match(/jwks_uri must be an https URL/)
  })

  it('may be handed over in this process', async () => {
    as = await issuer()
    const resource = protectedResource({ issuer: as.url, resource: RESOURCE, jwks: as.jwks })
    expect(await status(resource, await mint(as))).to.equal(200)
    expect(as.requests).to.deep.equal([])
  })
})
