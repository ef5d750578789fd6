import { expect } from 'chai'
import { oidc } from '../../adapters/oidc.ts'
import { type IdpAdapter, isLoginRefused } from '../../src/adapter.ts'
import { guardedFetch } from '../../src/idp/fetch.ts'
import { redirectOf } from '../contract/adapter.contract.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'
import { newUpstreamBrowser, signInUpstream, startUpstream, type Upstream } from '../support/upstream.ts'

describe('oidc with a real IdP in another process', function () {
  this.timeout(60_000)
  const callback = 'http://localhost:3000/callback/upstream'
  let upstream: Upstream
  let adapter: IdpAdapter

  before(async () => {
    upstream = await startUpstream([callback])
    const { issuer, clientId, clientSecret } = upstream
    adapter = oidc.open(
      oidc.options.parse({ issuer, clientId, clientSecret, allowInsecure: true }),
      testHost({
        id: 'upstream',
        fetch: guardedFetch({ timeoutMs: 20_000, maxBytes: 1_000_000, allowPrivate: true }),
        now: () => new Date(),
      }),
    )
  })

  after(() => upstream.stop())

  async function signIn(browser = newUpstreamBrowser(), name = 'ada') {
    const login = newLogin({}, callback)
    const back = await signInUpstream(browser, await redirectOf(adapter, login), name)
    return adapter.finish(login, new Request(back))
  }

  it('signs a person in with name, e-mail address and groups', async () => {
    expect(await signIn()).to.deep.equal({
      subject: 'upstream-ada',
      claims: {
        name: 'Ada Lovelace',
        email: 'ada@example.com',
        emailVerified: true,
        username: 'ada',
        groups: ['engineering', 'admins'],
      },
    })
  })

  it('uses the session that the browser has there', async () => {
    const browser = newUpstreamBrowser()
    await signIn(browser, 'grace')
    const again = await signIn(browser, 'nobody is asked')
    expect(again.subject).to.equal('upstream-grace')
    expect(browser.formsSeen).to.equal(1)
  })

  it('reports a person who declines', async () => {
    const outcome = await signIn(newUpstreamBrowser(), '').catch((error: unknown) => error)
    expect(isLoginRefused(outcome) && outcome.reason).to.equal('denied')
  })

  it('reports an IdP that is gone', async () => {
    const gone = await startUpstream([callback])
    await gone.stop()
    const { issuer, clientId, clientSecret } = gone
    const host = { id: 'gone', now: () => new Date() }
    const fetch = guardedFetch({ timeoutMs: 20_000, maxBytes: 1_000_000, allowPrivate: true })
    const dead = oidc.open(
      oidc.options.parse({ issuer, clientId, clientSecret, allowInsecure: true }),
      testHost({ ...host, fetch }),
    )
    const outcome = await dead.start(newLogin()).catch((error: unknown) => error)
    expect(isLoginRefused(outcome) && outcome.reason).to.equal('unavailable')
  })
})
