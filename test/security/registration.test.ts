import { expect } from 'chai'
import fc from 'fast-check'
import { CLIENT_MEMBERS, visibleText } from '../../src/provider/client-metadata.ts'
import { normaliseRegistration, normaliseResponse } from '../../src/provider/registration.ts'

const policy = {
  customSchemes: ['cursor'],
  scopes: ['openid', 'offline_access', 'demo:read', 'demo:write'],
  grantTypes: ['authorization_code', 'refresh_token'],
}
const redirect_uris = ['https://a.example/cb']

const register = (members: unknown) => normaliseRegistration(members, policy)

function accepted(members: Record<string, unknown>): Record<string, unknown> {
  const outcome = register({ redirect_uris, ...members })
  if (!outcome.ok) throw new Error(`refused: ${outcome.description}`)
  return outcome.metadata
}

function refused(members: unknown) {
  const outcome = register(members)
  if (outcome.ok) throw new Error(`accepted: ${JSON.stringify(outcome.metadata)}`)
  return outcome
}

describe('registration of a client', () => {
  it('needs nothing but redirect URIs', () => {
    expect(register({ redirect_uris })).to.deep.equal({
      ok: true,
      metadata: {
        redirect_uris,
        client_name: 'Unnamed application',
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
        application_type: 'web',
      },
    })
  })

  it('ignores members that it does not know, localized names included', () => {
    const odd = { 'client_name#de': 'x', software_statement: 'x', sector_identifier_uri: 'https://a.example/', x: {} }
    const chosen = {
      client_id: 'mine',
      client_secret: 'mine',
      default_max_age: 0,
      id_token_signed_response_alg: 'none',
    }
    expect(accepted({ ...odd, ...chosen })).to.deep.equal(accepted({}))
  })

  it('takes null and empty members for absent ones', () => {
    const empty = Object.fromEntries(CLIENT_MEMBERS.map((member) => [member, null]))
    expect(accepted({ ...empty, redirect_uris })).to.deep.equal(accepted({}))
    expect(accepted({ scope: '', token_endpoint_auth_method: '', client_name: '' })).to.deep.equal(accepted({}))
  })

  it('refuses a body that is no object', () => {
    for (const body of [undefined, null, 1, 'x', true, [], [{ redirect_uris }]]) {
      expect(refused(body)).to.include({
        error: 'invalid_client_metadata',
        description: 'the body must be a JSON object',
      })
    }
  })
})

describe('redirect URIs of a registration', () => {
  it('must be given, 1 to 10 of them, as strings', () => {
    const eleven = Array.from({ length: 11 }, (_, index) => `https://a.example/${index}`)
    for (const uris of [undefined, null, '', [], 'https://a.example/cb', {}, [1], [null], eleven]) {
      const { error, description } = refused({ redirect_uris: uris })
      expect(error).to.equal('invalid_redirect_uri')
      expect(description).to.equal('redirect_uris must be a list of 1 to 10 strings')
    }
    expect(accepted({ redirect_uris: eleven.slice(1) }).redirect_uris).to.deep.equal(eleven.slice(1))
  })

  it('are refused together when one breaks a rule, and the answer names it and the rule', () => {
    const { error, description } = refused({ redirect_uris: [...redirect_uris, 'http://evil.example/cb'] })
    expect(error).to.equal('invalid_redirect_uri')
    expect(description).to.match(/^redirect_uris\[1\] http:\/\/evil\.example\/cb: http is allowed only for localhost/)
  })

  it('are quoted without characters that would break the answer', () => {
    const { description } = refused({ redirect_uris: ['https://a.example/"\r\n\\\u202e'] })
    expect(description).to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  it('decide the application type, whatever the client says', () => {
    const type = (uri: string, said?: string) =>
      accepted({ redirect_uris: [uri], application_type: said }).application_type
    expect(type('http://localhost:1/cb', 'web')).to.equal('native')
    expect(type('cursor://host/cb')).to.equal('native')
    expect(type('https://a.example/cb', 'native')).to.equal('web')
    expect(type('https://a.example/cb', 'anything')).to.equal('web')
  })
})

describe('grants and response types of a registration', () => {
  it('lose the grants that are not offered', () => {
    const device = 'urn:ietf:params:oauth:grant-type:device_code'
    expect(accepted({ grant_types: ['authorization_code', 'refresh_token', device] }).grant_types).to.deep.equal([
      'authorization_code',
      'refresh_token',
    ])
  })

  it('stay without a refresh token when the client wants none', () => {
    expect(accepted({ grant_types: ['authorization_code'] }).grant_types).to.deep.equal(['authorization_code'])
  })

  it('fall back to code and refresh token when nothing usable is left', () => {
    for (const grant_types of [[], ['implicit'], ['client_credentials', 'password']]) {
      expect(accepted({ grant_types }).grant_types).to.deep.equal(['authorization_code', 'refresh_token'])
    }
  })

  it('always include the code grant, once', () => {
    expect(accepted({ grant_types: ['refresh_token', 'refresh_token'] }).grant_types).to.deep.equal([
      'authorization_code',
      'refresh_token',
    ])
  })

  it('are cut down to code, and refused without it', () => {
    expect(accepted({ response_types: ['code', 'token'] }).response_types).to.deep.equal(['code'])
    for (const response_types of [['token'], ['id_token'], ['code id_token'], ['none']]) {
      expect(refused({ redirect_uris, response_types }).description).to.match(/^response_types must include code/)
    }
  })

  it('must be lists of strings', () => {
    for (const member of ['grant_types', 'response_types']) {
      for (const value of ['code', 1, {}, [1], Array.from({ length: 65 }, () => 'code')]) {
        const { error, description } = refused({ redirect_uris, [member]: value })
        expect(error).to.equal('invalid_client_metadata')
        expect(description).to.equal(`${member} must be a list of at most 64 strings`)
      }
    }
  })
})

describe('scope of a registration', () => {
  it('keeps known scopes and drops the others', () => {
    expect(accepted({ scope: ' demo:read  profile demo:read offline_access ' }).scope).to.equal(
      'demo:read offline_access',
    )
  })

  it('is left out when nothing known is left, or when it is no string', () => {
    for (const scope of ['profile email', '   ', ['demo:read'], 1, {}]) {
      expect(accepted({ scope })).not.to.have.property('scope')
    }
  })
})

describe('registration of anything at all', () => {
  const json = fc.jsonValue({ maxDepth: 4 })
  const nearly = fc.dictionary(
    fc.constantFrom(...CLIENT_MEMBERS, '__proto__', 'constructor', 'prototype', 'toString', 'client_name#x'),
    fc.oneof(json, fc.array(fc.webUrl()), fc.webUrl(), fc.constant(['code']), fc.string({ unit: 'binary' })),
    { maxKeys: 12 },
  )

  it('answers with usable metadata or an error, never throws, and leaves object prototypes alone', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          json,
          nearly,
          nearly.map((members) => ({ ...members, redirect_uris })),
        ),
        (value) => {
          const body: unknown = JSON.parse(JSON.stringify(value))
          const outcome = register(body)
          if (outcome.ok) {
            expect(CLIENT_MEMBERS).to.include.members(Object.keys(outcome.metadata))
            expect(Object.values(outcome.metadata)).not.to.include.members([null])
            expect(JSON.stringify(outcome.metadata).length).to.be.below(64 * 1024)
            expect(register(outcome.metadata)).to.deep.equal(outcome)
          } else {
            expect(outcome.error).to.be.oneOf(['invalid_client_metadata', 'invalid_redirect_uri'])
            expect(outcome.description).to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,2000}$/)
          }
          expect(Object.keys(Object.prototype)).to.deep.equal([])
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('takes nothing from a prototype that the body brings along', () => {
    const body: unknown = JSON.parse('{"__proto__":{"redirect_uris":["https://a.example/cb"],"client_name":"x"}}')
    expect(refused(body)).to.include({ error: 'invalid_redirect_uri' })
  })

  it('survives names that nothing should survive', () => {
    for (const name of ['\ud800', '\u0000'.repeat(100_000), 'a\u0300'.repeat(100_000), '\ufdfa'.repeat(50_000)]) {
      expect([...visibleText(name, 64)].length).to.be.at.most(64)
      expect(String(accepted({ client_name: name }).client_name)).not.to.equal('')
    }
  })
})

describe('answer to a registration', () => {
  it('has no null members and keeps the redirect URIs as they were sent', () => {
    const sent = ['https://a.example', 'http://127.0.0.1:33418']
    const answer = normaliseResponse({
      client_id: 'x',
      redirect_uris: sent,
      logo_uri: null,
      tos_uri: undefined,
      jwks: null,
    })
    expect(answer).to.deep.equal({ client_id: 'x', redirect_uris: sent })
  })

  it('holds a secret only for clients that use one', () => {
    const secret = { client_secret: 's', client_secret_expires_at: 0 }
    expect(normaliseResponse({ token_endpoint_auth_method: 'none', ...secret })).to.deep.equal({
      token_endpoint_auth_method: 'none',
    })
    expect(normaliseResponse({ token_endpoint_auth_method: 'client_secret_post', ...secret })).to.include(secret)
  })
})
