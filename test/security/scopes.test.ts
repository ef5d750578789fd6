import { expect } from 'chai'
import fc from 'fast-check'
import { normaliseScope, scopeTokens } from '../../src/provider/scopes.ts'

const known = ['demo:read', 'demo:write', 'demo:admin']
const defaults = ['demo:read']

describe('scope of an authorization request', () => {
  const cases: readonly (readonly [why: string, raw: string | undefined, granted: string])[] = [
    ['gives the defaults when the scope is absent', undefined, 'demo:read'],
    ['gives the defaults when the scope is empty', '', 'demo:read'],
    ['gives the defaults when the scope is only spaces', '   ', 'demo:read'],
    ['keeps what was asked for, in its order', 'demo:write demo:read', 'demo:write demo:read'],
    ['adds no default to a scope that names the resource', 'demo:write', 'demo:write'],
    ['forgives a leading space', ' demo:write', 'demo:write'],
    ['forgives trailing spaces, tabs and line ends', 'demo:read\t demo:write \r\n', 'demo:read demo:write'],
    ['names each scope once', 'demo:read demo:read demo:read', 'demo:read'],
    ['drops unknown scopes', 'demo:read api://other/.default profile', 'demo:read'],
    ['gives the defaults when all scopes are unknown', 'mcp:tools User.Read', 'demo:read'],
    ['adds the defaults to offline_access alone', ' offline_access', 'offline_access demo:read'],
    [
      'adds the defaults to openid and offline_access alone',
      'openid offline_access',
      'openid offline_access demo:read',
    ],
    ['passes openid through beside a scope of the resource', 'openid demo:write', 'openid demo:write'],
    ['does not confuse case', 'DEMO:READ demo:Write', 'demo:read'],
    ['does not take a part of a scope for the scope', 'demo: demo:rea demo:read2', 'demo:read'],
    ['does not take names of object members for scopes', '__proto__ constructor toString', 'demo:read'],
  ]
  for (const [why, raw, granted] of cases) {
    it(why, () => expect(normaliseScope(raw, known, defaults)).to.equal(granted))
  }

  it('never grants openid or offline_access unasked', () => {
    const withProtocolScopes = [...known, 'openid', 'offline_access']
    expect(normaliseScope(undefined, withProtocolScopes, defaults)).to.equal('demo:read')
    expect(normaliseScope('openid', withProtocolScopes, defaults)).to.equal('openid demo:read')
  })

  it('answers distinct known scopes with one of the resource among them, whatever it is given', () => {
    const token = fc.oneof(fc.constantFrom(...known, 'openid', 'offline_access', ' ', '\t'), fc.string())
    fc.assert(
      fc.property(fc.array(token), (tokens) => {
        const scope = normaliseScope(tokens.join(' '), known, defaults)
        const granted = scope.split(' ')
        expect(new Set(granted).size).to.equal(granted.length)
        for (const one of granted) expect([...known, 'openid', 'offline_access']).to.include(one)
        expect(granted.some((one) => known.includes(one))).to.equal(true)
        expect(normaliseScope(scope, known, defaults)).to.equal(scope)
      }),
    )
  })

  it('splits a scope value into its distinct tokens', () => {
    expect(scopeTokens('  a b\ta  c ')).to.deep.equal(['a', 'b', 'c'])
    expect(scopeTokens('')).to.deep.equal([])
  })
})
