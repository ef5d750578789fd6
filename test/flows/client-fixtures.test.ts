import { expect } from 'chai'
import type { Fetch } from '../../src/adapter.ts'
import { type ClientFixture, loadFixtures } from '../clients/fixtures.ts'
import { authorizationRequest, exchange, postJson, type Registered, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** What the web would answer at the clients' addresses: there is none where these tests run. */
function documentsOf(fixtures: readonly ClientFixture[]): Fetch {
  const documents = new Map(fixtures.map(({ body }) => [String(body.client_id), body]))
  return async (input) => {
    const document = documents.get(String(input))
    return document ? Response.json(document) : new Response(null, { status: 404 })
  }
}

describe('what well-known clients send', () => {
  const fixtures = loadFixtures()
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({ fetchForClients: documentsOf(fixtures.filter(({ kind }) => kind === 'cimd')) })
  })
  after(() => issuer.close())

  async function connect(fixture: ClientFixture): Promise<Registered> {
    if (fixture.kind === 'cimd') return fixture.body as unknown as Registered
    const { status, body } = await postJson<Registered>(`${issuer.url}/register`, fixture.body)
    expect(status).to.equal(fixture.expect.status)
    expect(body.redirect_uris).to.deep.equal(fixture.body.redirect_uris)
    expect('client_secret' in body).to.equal(fixture.expect.secret)
    expect(Object.values(body)).to.not.include(null)
    return body
  }

  for (const fixture of fixtures) {
    it(`connects ${fixture.client} (${fixture.id})`, async () => {
      const client = await connect(fixture)
      const request = authorizationRequest(issuer.url, client, {
        redirect_uri: fixture.redirectUriUsed,
        ...fixture.authorize,
      })
      const back = await signIn(request)
      expect(back.searchParams.get('error')).to.equal(null)
      expect(back.searchParams.get('iss')).to.equal(issuer.url)
      const code = back.searchParams.get('code') ?? ''
      expect(code).to.not.equal('')
      // It signs with keys that only its maker has; client-documents.test.ts does so with keys of its own.
      if (fixture.expect.metadata.token_endpoint_auth_method === 'private_key_jwt') return

      const { status, body } = await exchange(issuer.url, client, request, code)
      expect(status).to.equal(200)
      expect(body.scope.split(' ')).to.include('demo:read')
      expect('refresh_token' in body).to.equal(
        (fixture.expect.metadata.grant_types as string[]).includes('refresh_token'),
      )
    })
  }
})
