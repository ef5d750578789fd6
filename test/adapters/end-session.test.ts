/** The session at the IdP: by what it is known, and where it is ended. */
import { expect } from 'chai'
import { type OidcFlowOptions, oidcFlow, standardClaims } from '../../adapters/code-flow.ts'
import { isLoginRefused } from '../../src/adapter.ts'
import { type FakeIdp, fakeIdp } from '../support/fake-idp.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'

const ISSUER = 'https://idp.example.com'

describe('the session at the IdP', () => {
  let idp: FakeIdp

  const open = (options: Partial<OidcFlowOptions> = {}) =>
    oidcFlow({
      host: testHost({ fetch: (url, init) => idp.fetch(url, init) }),
      server: new URL(ISSUER),
      clientId: 'consulate',
      clientSecret: 'secret-of-the-client',
      scopes: ['openid'],
      identify: ({ claims }) => ({ subject: claims.sub, claims: standardClaims(claims) }),
      ...options,
    })
  const refusal = async (work: Promise<unknown>, reason: string) => {
    const outcome = await work.catch((error: unknown) => error)
    expect(isLoginRefused(outcome) && outcome.reason, String(outcome)).to.equal(reason)
  }

  beforeEach(async () => {
    const user = { sub: 'ada', name: 'Ada' }
    idp = await fakeIdp({ issuer: ISSUER, clientId: 'consulate', clientSecret: 'secret-of-the-client', user })
  })

  const signIn = async (flow: ReturnType<typeof open>) => {
    const login = newLogin()
    const step = await flow.start(login)
    if (step.kind !== 'redirect') throw new Error('no redirect')
    return flow.finish(login, new Request(idp.visit(step.url)))
  }

  it('is named by sid, or by what the adapter says', async () => {
    expect(await signIn(open())).not.to.have.property('session')
    idp.user = { ...idp.user, sid: 'session-7', other: 'session-8' }
    expect((await signIn(open())).session).to.equal('session-7')
    expect((await signIn(open({ sessionFrom: ({ other }) => String(other) }))).session).to.equal('session-8')
  })

  it('is ended in the browser where the IdP says, and the browser comes back', async () => {
    idp.metadata.end_session_endpoint = `${ISSUER}/logout`
    const url = await open().endSession(new URL('https://auth.example.com/'))
    expect(`${url?.origin}${url?.pathname}`).to.equal(`${ISSUER}/logout`)
    expect(url?.searchParams.get('post_logout_redirect_uri')).to.equal('https://auth.example.com/')
    expect(url?.searchParams.get('client_id')).to.equal('consulate')
  })

  it('cannot be ended where the IdP has no such place, or one without TLS', async () => {
    expect(await open().endSession(new URL('https://auth.example.com/'))).to.equal(undefined)
    for (const endpoint of ['http://idp.example.com/logout', 'javascript:alert(1)']) {
      idp.metadata.end_session_endpoint = endpoint
      await refusal(open().endSession(new URL('https://auth.example.com/')), 'invalid')
    }
  })

  it('cannot be ended at another host than the one that may speak plain http', async () => {
    const issuer = 'http://localhost:9'
    idp = await fakeIdp({ issuer, clientId: 'consulate', clientSecret: 'x', user: {} })
    const flow = open({ server: new URL(issuer), allowInsecure: true })
    idp.metadata.end_session_endpoint = 'http://other.example/logout'
    await refusal(flow.endSession(new URL('https://auth.example.com/')), 'invalid')
  })
})
