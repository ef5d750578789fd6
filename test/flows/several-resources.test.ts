import { expect } from 'chai'
import { authorizationRequest, exchange, obtainTokens, type Registered, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('an issuer with several resources', () => {
  let issuer: TestIssuer
  let client: Registered

  before(async () => {
    issuer = await startIssuer({
      config: (defaults, url) => ({
        ...defaults,
        resources: ['one', 'two'].map((name) => ({
          resource: `${url}/${name}/mcp`,
          name,
          scopes: { [`${name}:use`]: `Use ${name}`, 'shared:read': 'Read' },
          defaultScopes: [`${name}:use`],
          claims: name === 'one' ? ['groups' as const] : [],
        })),
      }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  for (const [title, scope] of [
    ['neither resource nor scope', undefined],
    ['a scope that both have', 'shared:read'],
    ['scopes of both', 'one:use two:use'],
  ] as const) {
    it(`does not guess for a request with ${title}`, async () => {
      const back = await signIn(authorizationRequest(issuer.url, client, { resource: undefined, scope }))
      expect(back.searchParams.get('error')).to.equal('invalid_target')
    })
  }

  it('takes the one that has the scopes asked for', async () => {
    const request = authorizationRequest(issuer.url, client, { resource: undefined, scope: 'two:use' })
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    const { body } = await exchange(issuer.url, client, request, code, { resource: `${issuer.url}/two/mcp` })
    expect(claimsOf(body.access_token).aud).to.equal(`${issuer.url}/two/mcp`)
  })

  it('makes no token for two of them', async () => {
    const request = authorizationRequest(issuer.url, client, { resource: `${issuer.url}/one/mcp` })
    request.url.searchParams.append('resource', `${issuer.url}/two/mcp`)
    expect((await signIn(request)).searchParams.get('error')).to.equal('invalid_target')
  })

  it('grants each its own scopes only', async () => {
    const { scope } = await obtainTokens(issuer.url, client, {
      resource: `${issuer.url}/one/mcp`,
      scope: 'one:use two:use',
    })
    expect(scope).to.equal('one:use')
  })

  it('tells each what its configuration says about the user, and no more', async () => {
    const common = ['aud', 'client_id', 'exp', 'grant_id', 'iat', 'iss', 'jti', 'scope', 'sub']
    for (const [name, extra] of [
      ['one', ['groups']],
      ['two', []],
    ] as const) {
      const { access_token } = await obtainTokens(issuer.url, client, { resource: `${issuer.url}/${name}/mcp` })
      expect(Object.keys(claimsOf(access_token))).to.have.members([...common, ...extra])
    }
  })
})
