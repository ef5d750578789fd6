import { expect } from 'chai'
import { configSchema } from '../../src/config/schema.ts'
import { checkClientIdUrl, checkDocument, normaliseRegistration } from '../../src/provider/registration.ts'
import { libraryClient } from '../support/library-client.ts'
import { type ClientFixture, loadFixtures } from './fixtures.ts'

const { customSchemes } = configSchema.shape.registration.parse({})
const scopes = ['openid', 'offline_access', 'demo:read', 'demo:write']
const policy = { customSchemes, scopes, grantTypes: ['authorization_code', 'refresh_token'] }

function outcome({ kind, body }: ClientFixture): unknown {
  if (kind === 'dcr') return normaliseRegistration(body, policy)
  const id = checkClientIdUrl(String(body.client_id))
  return id.ok ? checkDocument(id.url, body, policy) : id
}

describe('what well-known clients send', () => {
  const fixtures = loadFixtures()

  it('covers every client that the documentation names', () => {
    expect(fixtures.map(({ id }) => id)).to.include.members([
      ...[
        'claude-dcr',
        'claude-cimd',
        'claude-code-dcr',
        'claude-code-cimd',
        'vscode-dcr',
        'vscode-cimd',
        'cursor-dcr',
      ],
      ...['chatgpt-dcr', 'chatgpt-cimd', 'codex-dcr', 'inspector-web-dcr', 'inspector-cli-dcr', 'mcp-remote-dcr'],
    ])
  })

  for (const fixture of fixtures) {
    describe(fixture.id, () => {
      const { metadata, secret } = fixture.expect

      it('is accepted with exactly the expected metadata', () => {
        expect(outcome(fixture)).to.deep.equal({ ok: true, metadata })
      })

      it('keeps its redirect URIs unchanged', () => {
        expect(metadata.redirect_uris).to.deep.equal(fixture.body.redirect_uris)
      })

      it('makes a client that the library accepts, at the redirect URI it really uses', async () => {
        const client = await libraryClient(
          secret ? { ...metadata, client_secret: 'a-secret' } : { ...metadata },
          scopes,
        )
        expect(client.redirectUriAllowed(fixture.redirectUriUsed)).to.equal(true)
        expect(client.grantTypeAllowed('refresh_token')).to.equal(true)
        expect(client.clientAuthMethod).to.equal(metadata.token_endpoint_auth_method)
        expect(client.clientSecret !== undefined).to.equal(secret)
      })
    })
  }
})
