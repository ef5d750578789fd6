import { expect } from 'chai'
import { decodeJwt, importJWK, SignJWT } from 'jose'
import { openKeyring } from '../../src/keys/keyring.ts'
import { withSeal } from '../stores/support.ts'
import { obtainTokens, postForm, refresh, register } from '../support/client.ts'
import { SECRET, startIssuer, type TestIssuer } from '../support/issuer.ts'

const CREDENTIALS = { client_id: 'demo-server', client_secret: 'demo-server-secret-of-32-characters-or-more' }

describe('a JWT presented for introspection or revocation, signed with our own key', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer()
  })
  after(() => issuer.close())

  /** The access token signed anew, with changes. */
  async function resign(token: string, claims: Record<string, unknown>, header: Record<string, unknown> = {}) {
    const { jwks } = await openKeyring(await withSeal(issuer.store, SECRET))
    const alg = String(header.alg ?? 'ES256')
    const jwk = jwks.keys.find((key) => key.alg === alg)
    if (!jwk) throw new Error(`no ${alg} key`)
    return new SignJWT({ ...decodeJwt(token), ...claims })
      .setProtectedHeader({ typ: 'at+jwt', kid: jwk.kid ?? '', ...header, alg })
      .sign(await importJWK(jwk, alg))
  }

  const active = async (token: string) =>
    (await postForm(`${issuer.url}/introspect`, { token, ...CREDENTIALS })).body.active

  it('is active when nothing but the signature is new', async () => {
    const { access_token } = await obtainTokens(issuer.url, await register(issuer.url))
    expect(await active(await resign(access_token, {}))).to.equal(true)
  })

  for (const [title, claims, header] of [
    ['of another type', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['of another issuer', { iss: 'https://other.example' }, {}],
    ['of another audience', { aud: 'https://other.example/mcp' }, {}],
    ['that has expired', { exp: 1_700_000_000 }, {}],
    ['of a grant that is over', { grant_id: 'over' }, {}],
    ['signed with the key for ID tokens', {}, { alg: 'RS256' }],
  ] as const) {
    it(`is no access token ${title}`, async () => {
      const client = await register(issuer.url)
      const { access_token, refresh_token } = await obtainTokens(issuer.url, client)
      const token = await resign(access_token, claims, header)
      expect(await active(token)).to.equal(false)
      if ('typ' in header || 'iss' in claims || 'alg' in header) {
        await postForm(`${issuer.url}/revoke`, { token, client_id: client.client_id })
        expect((await refresh(issuer.url, client, refresh_token)).status).to.equal(200)
      }
    })
  }
})
