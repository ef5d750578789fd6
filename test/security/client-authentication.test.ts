import { expect } from 'chai'
import { normaliseRegistration } from '../../src/provider/registration.ts'

const policy = { customSchemes: [], scopes: [], grantTypes: ['authorization_code'] }
const redirect_uris = ['https://a.example/cb']
const rsa = { kty: 'RSA', n: 'x'.repeat(342), e: 'AQAB', kid: 'k1' }

function accepted(members: Record<string, unknown>): Record<string, unknown> {
  const outcome = normaliseRegistration({ redirect_uris, ...members }, policy)
  if (!outcome.ok) throw new Error(`refused: ${outcome.description}`)
  return outcome.metadata
}

function refused(members: Record<string, unknown>) {
  const outcome = normaliseRegistration({ redirect_uris, ...members }, policy)
  if (outcome.ok) throw new Error(`accepted: ${JSON.stringify(outcome.metadata)}`)
  return outcome
}

describe('client authentication of a registration', () => {
  it('is one of four methods', () => {
    for (const token_endpoint_auth_method of ['none', 'client_secret_basic', 'client_secret_post']) {
      expect(accepted({ token_endpoint_auth_method })).to.include({ token_endpoint_auth_method })
    }
    for (const token_endpoint_auth_method of ['client_secret_jwt', 'tls_client_auth', 'None', 'x', 1, ['none'], {}]) {
      const { error, description } = refused({ token_endpoint_auth_method })
      expect(error).to.equal('invalid_client_metadata')
      expect(description).to.match(/^token_endpoint_auth_method must be (one of none, client_secret_basic, |a string)/)
    }
  })

  it('by key needs public keys or an https address of keys, and not both', () => {
    const token_endpoint_auth_method = 'private_key_jwt'
    const jwks = { keys: [rsa] }
    const jwks_uri = 'https://a.example/jwks.json'
    expect(accepted({ token_endpoint_auth_method, jwks })).to.deep.include({ token_endpoint_auth_method, jwks })
    expect(accepted({ token_endpoint_auth_method, jwks_uri })).to.include({ token_endpoint_auth_method, jwks_uri })
    for (const keys of [
      {},
      { jwks, jwks_uri },
      { jwks_uri: 'http://a.example/jwks.json' },
      { jwks_uri: 'https://user@a.example/jwks.json' },
      { jwks: { keys: [] } },
      { jwks: { keys: Array.from({ length: 11 }, () => rsa) } },
      { jwks: { keys: [{ ...rsa, d: 'private' }] } },
      { jwks: { keys: [rsa, { kty: 'oct', k: 'secret' }] } },
      { jwks: { keys: [{ kty: 'oct' }] } },
      { jwks: { keys: [{ ...rsa, kty: 'rsa' }] } },
      { jwks: { keys: [{ ...rsa, n: 'x'.repeat(5000) }] } },
      { jwks: 'https://a.example/jwks.json' },
    ]) {
      const { description } = refused({ token_endpoint_auth_method, ...keys })
      expect(description).to.match(/^private_key_jwt needs jwks with public keys/)
    }
  })

  it('stores of a key only what is part of a public key', () => {
    const jwks = { keys: [{ ...rsa, x5c: ['x'], $where: '1', nested: { deep: [] } }] }
    expect(accepted({ token_endpoint_auth_method: 'private_key_jwt', jwks }).jwks).to.deep.equal({ keys: [rsa] })
  })

  it('keeps no key address that it will not use, since each is an address to fetch', () => {
    for (const token_endpoint_auth_method of ['none', 'client_secret_basic', undefined]) {
      const jwks_uri = 'https://a.example/jwks.json'
      const metadata = accepted({ token_endpoint_auth_method, jwks: { keys: [rsa] }, jwks_uri })
      expect(metadata).not.to.have.any.keys('jwks', 'jwks_uri')
    }
  })
})
