import { expect } from 'chai'
import { z } from 'zod'
import { type OAuth2FlowOptions, oauth2Flow } from '../../adapters/code-flow.ts'
import { defineAdapter } from '../../src/adapter.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'

const AT = 'https://id.example.com'

/** The least that an adapter for an OAuth 2.0 server can be; `changes` are what a test puts into its flow. */
function subjectWith(changes: Partial<OAuth2FlowOptions> = {}) {
  const type = defineAdapter({
    type: 'plain',
    options: z.strictObject({}),
    open: (_, host) =>
      oauth2Flow({
        host,
        issuer: AT,
        authorizationEndpoint: new URL(`${AT}/authorize`),
        tokenEndpoint: new URL(`${AT}/token`),
        api: new URL(`${AT}/api`),
        clientId: 'consulate',
        clientSecret: 'a secret: with/signs+',
        scopes: ['profile'],
        recheck: true,
        async identify(api) {
          const { id, name, email } = await api.read(
            z.object({ id: z.string(), name: z.string(), email: z.string() }),
            'me',
          )
          return { subject: id, claims: { name, email } }
        },
        ...changes,
      }),
  })
  return {
    type,
    options: {},
    idp: {
      issuer: AT,
      clientId: 'consulate',
      clientSecret: 'a secret: with/signs+',
      user: { name: 'Ada Lovelace', email: 'ada@example.com' },
      oauth2: {
        authorization: `${AT}/authorize`,
        token: `${AT}/token`,
        api: { [`${AT}/api/me`]: { id: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com' } },
      },
    },
    subject: 'user-1',
  } as const
}

adapterContract('an adapter on the flow without OpenID', subjectWith())

describe('the flow without OpenID', () => {
  for (const endpoint of ['authorizationEndpoint', 'tokenEndpoint', 'api'] as const) {
    it(`takes no ${endpoint} that is not https`, () => {
      const { type } = subjectWith({ [endpoint]: new URL('http://id.example.com/') })
      expect(() => type.open({}, testHost())).to.throw(/not https/)
    })
  }

  it('lets no parameter of an adapter replace one of the protocol', async () => {
    const names = ['state', 'code_challenge', 'code_challenge_method', 'redirect_uri', 'response_type', 'scope']
    const parameters = () => ({ ...Object.fromEntries(names.map((name) => [name, 'evil'])), audience: 'ours' })
    const { adapter } = await bench(subjectWith({ parameters }))
    const { searchParams } = await redirectOf(adapter, newLogin())
    expect(searchParams.get('audience')).to.equal('ours')
    for (const name of names) expect(searchParams.getAll(name), name).not.to.include('evil')
  })

  it('sends the verifier of the challenge, and checks what it can when the server forgets PKCE', async () => {
    const lab = await bench(subjectWith())
    const login = newLogin()
    await signIn(lab, undefined, login)
    const token = lab.idp.requests.find(({ endpoint }) => endpoint === 'token')
    expect(token?.form.get('code_verifier')).to.equal(login.codeVerifier)
    lab.idp.faults.forgetPkce = true
    await refused(
      signIn(lab, ({ searchParams }) => searchParams.set('state', newLogin().state)),
      lab.idp,
      'invalid',
    )
  })

  for (const [status, reason] of [
    [404, 'invalid'],
    [403, 'not_allowed'],
    [401, 'denied'],
    [203, 'invalid'],
  ] as const) {
    it(`refuses as ${reason} an API that names somebody with status ${status}`, async () => {
      const lab = await bench(subjectWith())
      const answer = { id: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com' }
      lab.idp.api[`${AT}/api/me`] = () => Response.json(answer, { status })
      await refused(signIn(lab), lab.idp, reason)
    })
  }

  it('says which part of an answer is wrong, and nothing of what is in it', async () => {
    const lab = await bench(subjectWith())
    lab.idp.api[`${AT}/api/me`] = { id: 'user-1', name: ['private'], email: 'ada@example.com' }
    const { message } = await refused(signIn(lab), lab.idp, 'invalid')
    expect(message).to.contain('unexpected name').and.not.contain('private')
  })

  it('keeps the token only for who re-checks', async () => {
    const lab = await bench(subjectWith({ recheck: false }))
    expect(await signIn(lab)).not.to.have.property('secret')
    expect(lab.adapter.refresh).to.equal(undefined)
  })

  it('takes what is no token of its own for no reason to end access', async () => {
    const lab = await bench(subjectWith())
    for (const secret of ['null', '{}', '{"access":7}', '{"access":""}']) {
      const asked = lab.adapter.refresh?.({ subject: 'user-1', claims: {}, secret })
      const { message } = await refused(asked ?? Promise.resolve(), lab.idp, 'invalid')
      expect(message).to.contain('no token')
    }
    expect(lab.idp.count('api')).to.equal(0)
  })
})
