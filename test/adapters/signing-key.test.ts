import { expect } from 'chai'
import { z } from 'zod'
import { oidcFlow, type VerifiedUser } from '../../adapters/code-flow.ts'
import { defineAdapter } from '../../src/adapter.ts'
import { redirectOf } from '../contract/adapter.contract.ts'
import { fakeIdp } from '../support/fake-idp.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'

const ISSUER = 'https://idp.example.com'

describe('the signing key that an adapter is told of', () => {
  it('is the one that verified the token, also when another one with its id is published before it', async () => {
    const idp = await fakeIdp({ issuer: ISSUER, clientId: 'client', clientSecret: 'a secret', user: { sub: 'ada' } })
    const [real] = idp.keys
    if (!real) throw new Error('the IdP has no key')
    const decoy = { ...real.jwk, alg: real.jwk.alg === 'PS256' ? 'RS256' : 'PS256', issuer: 'of somebody else' }
    const published = { ...real.jwk, alg: 'RS256', issuer: 'its own' }
    let told: VerifiedUser | undefined
    const type = defineAdapter({
      type: 'told',
      options: z.strictObject({}),
      open: (_, host) =>
        oidcFlow({
          host,
          server: new URL(ISSUER),
          clientId: 'client',
          clientSecret: 'a secret',
          scopes: ['openid'],
          identify(user) {
            told = user
            return { subject: user.claims.sub, claims: {} }
          },
        }),
    })
    const fetch: typeof idp.fetch = async (input, init) => {
      const response = await idp.fetch(input, init)
      return new URL(input).pathname.includes('jwks') ? Response.json({ keys: [decoy, published] }) : response
    }
    const adapter = type.open({}, testHost({ fetch }))
    const login = newLogin()
    await adapter.finish(login, new Request(idp.visit(await redirectOf(adapter, login))))
    expect(told?.signingKey).to.include({ issuer: 'its own' })
  })
})
