import { expect } from 'chai'
import fc from 'fast-check'
import { checkClientIdUrl, checkDocument } from '../../src/provider/registration.ts'

const policy = { customSchemes: ['cursor'] }
const client_id = 'https://app.example/oauth/client.json'
const minimal = { client_id, client_name: 'App', redirect_uris: ['https://app.example/cb'] }
const jwks_uri = 'https://app.example/jwks.json'

function accepted(document: Record<string, unknown>): Record<string, unknown> {
  const verdict = checkDocument(new URL(client_id), document, policy)
  if (!verdict.ok) throw new Error(`refused: ${verdict.reason}`)
  return verdict.metadata
}

function refusal(document: Record<string, unknown>): string {
  const verdict = checkDocument(new URL(client_id), document, policy)
  if (verdict.ok) throw new Error(`accepted: ${JSON.stringify(verdict.metadata)}`)
  return verdict.reason
}

describe('URL of a Client ID Metadata Document', () => {
  for (const id of [
    'https://claude.ai/oauth/mcp-oauth-client-metadata',
    'https://chatgpt.com/oauth/AVY7bkwkV--3/client.json',
    'https://app.example:8443/client',
    'https://app.example/client?version=2',
    'https://app.example/client/',
    'https://xn--bcher-kva.example/client',
  ]) {
    it(`may be ${id}`, () => {
      const verdict = checkClientIdUrl(id)
      expect(verdict.ok && verdict.url.href).to.equal(id)
    })
  }

  const refused: readonly (readonly [because: RegExp, ids: readonly string[]])[] = [
    [/https URL/, ['', 'app', 'http://app.example/client', 'HTTP://app.example/c', 'ftp://app.example/c', 'https://']],
    [
      /have a path/,
      ['https://app.example', 'https://app.example/', 'https://app.example/?x=1', 'https://app.example/.'],
    ],
    [/fragment/, ['https://app.example/client#x', 'https://app.example/client#']],
    [/user name/, ['https://user@app.example/client', 'https://user:pw@app.example/client']],
    [
      /canonical form/,
      [
        'https://app.example/a/../client',
        'https://app.example/./client',
        'https://app.example/%2e%2e/client',
        'https://app.example/a/%2E./client',
        'https://App.example/client',
        'HTTPS://app.example/client',
        'https://app.example:443/client',
        'https://app.example\\client',
        'https://app.example/a\\client',
        'https://@app.example/client',
        ' https://app.example/client',
        'https://app.example/cli\tent',
        'https://app.example/a b',
        'https://bücher.example/client',
        'https://app.example/clíent',
        'https:app.example/client',
        'https://127.1/client',
      ],
    ],
    [/dot/, ['https://app.example./client']],
    [/at most 512/, [`https://app.example/${'x'.repeat(512)}`]],
  ]
  for (const [because, ids] of refused) {
    for (const id of ids) {
      it(`may not be ${JSON.stringify(id).slice(0, 70)}`, () => {
        expect(checkClientIdUrl(id)).to.have.property('reason').that.matches(because)
      })
    }
  }

  it('must be on a host of the list when there is one', () => {
    const rules = { hosts: ['app.example'] }
    expect(checkClientIdUrl('https://app.example/client', rules).ok).to.equal(true)
    for (const host of ['evil.example', 'sub.app.example', 'app.example.evil.example', 'xapp.example']) {
      expect(checkClientIdUrl(`https://${host}/client`, rules))
        .to.have.property('reason')
        .that.matches(/not among/)
    }
    expect(checkClientIdUrl('https://app.example/client', { hosts: [] }).ok).to.equal(false)
    expect(checkClientIdUrl('https://app.example/client', { hosts: undefined }).ok).to.equal(true)
  })
})

describe('Client ID Metadata Document', () => {
  it('needs no more than its id, a name and redirect URIs', () => {
    expect(accepted(minimal)).to.deep.equal({
      ...minimal,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      application_type: 'web',
    })
  })

  it('must name exactly the URL it was fetched from', () => {
    for (const id of [undefined, null, 5, `${client_id}/`, `${client_id}?`, client_id.toUpperCase(), [client_id]]) {
      expect(refusal({ ...minimal, client_id: id })).to.match(/not the URL of the document/)
    }
  })

  it('must have a name that people can see', () => {
    for (const client_name of [undefined, null, '', '   ', '\u200b\u202e', 5, {}]) {
      expect(refusal({ ...minimal, client_name })).to.equal('client_name is required')
    }
  })

  it('must have redirect URIs that follow the same policy as registrations', () => {
    for (const redirect_uris of [undefined, [], 'https://app.example/cb', [5]]) {
      expect(refusal({ ...minimal, redirect_uris })).to.match(/^redirect_uris must be a list/)
    }
    expect(refusal({ ...minimal, redirect_uris: ['https://app.example/cb', 'http://evil.example/cb'] })).to.match(
      /^redirect_uris\[1\] http:\/\/evil\.example\/cb: http is allowed only/,
    )
    expect(refusal({ ...minimal, redirect_uris: ['javascript:alert(1)'] })).to.match(/never allowed/)
    expect(accepted({ ...minimal, redirect_uris: ['http://localhost/cb'] })).to.include({ application_type: 'native' })
    expect(accepted({ ...minimal, redirect_uris: ['cursor://host/cb'] })).to.include({ application_type: 'native' })
  })

  it('must hold no secret', () => {
    for (const secret of [{ client_secret: 'x' }, { client_secret_expires_at: 0 }, { client_secret: null }]) {
      expect(refusal({ ...minimal, ...secret })).to.match(/must not hold a client secret/)
    }
  })

  it('must not use a shared secret, not even as one of several methods', () => {
    for (const token_endpoint_auth_method of ['client_secret_basic', 'client_secret_post', 'client_secret_jwt']) {
      const offer = { token_endpoint_auth_method, token_endpoint_auth_methods_supported: ['none'] }
      expect(refusal({ ...minimal, ...offer })).to.match(/must be none or private_key_jwt/)
    }
    expect(refusal({ ...minimal, token_endpoint_auth_method: 'tls_client_auth' })).to.match(/must be none or/)
  })

  it('must bring keys when it says private_key_jwt alone', () => {
    const token_endpoint_auth_method = 'private_key_jwt'
    expect(refusal({ ...minimal, token_endpoint_auth_method })).to.match(/private_key_jwt needs jwks/)
    expect(accepted({ ...minimal, token_endpoint_auth_method, jwks_uri })).to.include({
      token_endpoint_auth_method,
      jwks_uri,
    })
  })

  it('that offers a choice gets private_key_jwt with keys, and none without', () => {
    const token_endpoint_auth_methods_supported = ['none', 'private_key_jwt']
    for (const token_endpoint_auth_method of ['private_key_jwt', undefined]) {
      const offer = { ...minimal, token_endpoint_auth_method, token_endpoint_auth_methods_supported }
      expect(accepted({ ...offer, jwks_uri })).to.include({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri })
      expect(accepted(offer)).to.include({ token_endpoint_auth_method: 'none' }).and.not.to.have.property('jwks_uri')
      expect(accepted({ ...offer, jwks_uri: 'http://app.example/k' })).to.include({
        token_endpoint_auth_method: 'none',
      })
    }
    const none = { ...minimal, token_endpoint_auth_method: 'none', token_endpoint_auth_methods_supported, jwks_uri }
    expect(accepted(none)).to.include({ token_endpoint_auth_method: 'none' }).and.not.to.have.property('jwks_uri')
  })

  it('does not limit the scopes that its client may ask for', () => {
    expect(accepted({ ...minimal, scope: 'mcp:read' })).not.to.have.property('scope')
  })

  it('is judged without throwing, whatever it holds', () => {
    const member = fc.constantFrom(...Object.keys(minimal), 'jwks', 'jwks_uri', 'contacts', '__proto__', 'grant_types')
    fc.assert(
      fc.property(fc.dictionary(member, fc.jsonValue()), fc.boolean(), (members, usable) => {
        const document: Record<string, unknown> = JSON.parse(JSON.stringify(members))
        const verdict = checkDocument(new URL(client_id), usable ? { ...minimal, ...document } : document, policy)
        if (!verdict.ok) expect(verdict.reason).to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
      }),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl()), (id) => void checkClientIdUrl(id)))
  })
})
