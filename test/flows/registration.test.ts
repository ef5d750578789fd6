import { expect } from 'chai'
import { LOOPBACK_REDIRECT, postJson } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('dynamic client registration (RFC 7591)', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer()
  })
  after(() => issuer.close())

  const send = (metadata: Record<string, unknown>) =>
    postJson(`${issuer.url}/register`, { redirect_uris: [LOOPBACK_REDIRECT], ...metadata })

  it('answers 201 with the client and its metadata, uncached', async () => {
    const { status, headers, body } = await send({ client_name: 'Editor', token_endpoint_auth_method: 'none' })
    expect(status).to.equal(201)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(body).to.deep.include({
      client_name: 'Editor',
      redirect_uris: [LOOPBACK_REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    })
    expect(body.client_id).to.match(/^[A-Za-z0-9_-]{16,}$/)
    expect(body.client_id_issued_at).to.be.a('number')
    expect(body).to.not.have.any.keys('client_secret', 'client_secret_expires_at')
    expect(Object.values(body)).to.not.include(null)
  })

  it('gives a secret that does not expire to a client that names no method', async () => {
    const { body } = await send({})
    expect(body).to.include({ token_endpoint_auth_method: 'client_secret_basic', client_secret_expires_at: 0 })
    expect(body.client_secret).to.match(/^[A-Za-z0-9_-]{32,}$/)
  })

  it('gives every registration a client of its own, even for equal metadata', async () => {
    const [one, two] = [await send({ client_name: 'Same' }), await send({ client_name: 'Same' })]
    expect(one.body.client_id).to.not.equal(two.body.client_id)
    expect(one.body.client_secret).to.not.equal(two.body.client_secret)
  })

  it('hands out nothing to change a client with, so what was approved stays what it was (RFC 7592 is off)', async () => {
    const { body } = await send({ token_endpoint_auth_method: 'none' })
    expect(body).to.not.have.any.keys('registration_access_token', 'registration_client_uri')
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const { status } = await fetch(`${issuer.url}/register/${body.client_id}`, { method })
      expect([method, status]).to.deep.equal([method, 404])
    }
  })
})
