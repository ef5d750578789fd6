import { expect } from 'chai'
import { github } from '../../adapters/github.ts'
import type { Identity } from '../../src/adapter.ts'
import { type Bench, bench, refused, signIn } from '../contract/adapter.contract.ts'
import { ACME, ada, type GithubUser, githubSubject } from '../support/fake-github.ts'

describe('github, asked again', () => {
  let user: GithubUser
  let lab: Bench
  let ahead: number

  beforeEach(async () => {
    user = ada()
    ahead = 0
    lab = await bench(githubSubject(user), () => new Date(Date.now() + ahead))
  })

  const again = (identity: Identity) => lab.adapter.refresh?.(identity) ?? Promise.reject(new Error('no refresh'))

  it('renews membership, teams and names with the token of the sign-in', async () => {
    const identity = await signIn(lab)
    user.teams = [{ slug: 'security', organization: ACME }]
    user.name = 'Ada King'
    const now = await again(identity)
    expect(now.claims.groups).to.deep.equal(['Acme', 'Acme/security'])
    expect(now.claims.name).to.equal('Ada King')
    expect(now.secret).to.equal(identity.secret)
    expect(lab.idp.count('token')).to.equal(1)
  })

  it('ends access for who has left the organization', async () => {
    const identity = await signIn(lab)
    user.memberships = []
    await refused(again(identity), lab.idp, 'not_allowed')
  })

  it('ends access when the token was revoked, and not when GitHub is down or wants fewer requests', async () => {
    const identity = await signIn(lab)
    lab.idp.faults.answer = () => new Response('', { status: 502 })
    await refused(again(identity), lab.idp, 'unavailable')
    lab.idp.faults.answer = () => new Response('{}', { status: 403, headers: { 'x-ratelimit-remaining': '0' } })
    await refused(again(identity), lab.idp, 'unavailable')
    // A secondary limit may come without a header: "Rate limits for the REST API".
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
    lab.idp.faults.answer = () => Response.json({ message }, { status: 403 })
    await refused(again(identity), lab.idp, 'unavailable')
    lab.idp.faults = {}
    lab.idp.endSessions()
    await refused(again(identity), lab.idp, 'denied')
  })

  it('ends access for an account that GitHub suspended, and for nobody when GitHub refuses our address', async () => {
    const identity = await signIn(lab)
    const answer = (message: string) => {
      lab.idp.faults.answer = () => Response.json({ message }, { status: 403 })
    }
    answer('Although you appear to have the correct authorization, the organization has an IP allow list enabled.')
    await refused(again(identity), lab.idp, 'unavailable')
    answer('Sorry. Your account was suspended.')
    await refused(again(identity), lab.idp, 'not_allowed')
  })

  it('refuses a token that has become another user', async () => {
    const identity = await signIn(lab)
    user.id = 1
    await refused(again(identity), lab.idp, 'invalid')
  })

  it('is not there when recheck is off, and then keeps no token', async () => {
    lab = await bench(githubSubject(user, { organizations: ['acme'], recheck: false }))
    expect(lab.adapter.refresh).to.equal(undefined)
    expect(await signIn(lab)).not.to.have.property('secret')
  })

  describe('with tokens that expire, as those of a GitHub App', () => {
    const HOUR = 3_600_000

    beforeEach(async () => {
      const subject = githubSubject(user)
      lab = await bench(
        { ...subject, idp: { ...subject.idp, refreshTokens: 'always' } },
        () => new Date(Date.now() + ahead),
      )
    })

    it('renews the token when it has ended, and not before', async () => {
      const identity = await signIn(lab)
      await again(identity)
      expect(lab.idp.count('token')).to.equal(1)
      ahead = HOUR
      const now = await again(identity)
      expect(lab.idp.count('token')).to.equal(2)
      expect(now.secret).not.to.equal(identity.secret)
      await again(now)
      expect(lab.idp.count('token')).to.equal(2)
    })

    it('does not lose a renewed token when the API fails after it, though refresh tokens work once', async () => {
      const identity = await signIn(lab)
      ahead = HOUR
      lab.idp.faults.answer = (endpoint, response) =>
        endpoint === 'api' ? new Response('', { status: 503 }) : response
      const { secret = '' } = await refused(again(identity), lab.idp, 'unavailable')
      lab.idp.faults.answer = (endpoint, response) =>
        endpoint === 'token' ? Response.json({ error: 'bad_refresh_token' }) : response
      expect((await again({ ...identity, secret })).subject).to.equal('583231')
    })

    for (const [error, status] of [
      ['bad_refresh_token', 200],
      ['invalid_grant', 400],
    ] as const) {
      it(`ends access when the refresh token is not accepted: ${error} with status ${status}`, async () => {
        const identity = await signIn(lab)
        ahead = HOUR
        lab.idp.faults.answer = (endpoint, response) =>
          endpoint === 'token' ? Response.json({ error }, { status }) : response
        await refused(again(identity), lab.idp, 'denied')
      })
    }

    it('leaves access open when it is our secret that is not accepted', async () => {
      const identity = await signIn(lab)
      ahead = HOUR
      lab.idp.faults.answer = (endpoint, response) =>
        endpoint === 'token' ? Response.json({ error: 'incorrect_client_credentials' }) : response
      await refused(again(identity), lab.idp, 'invalid')
    })
  })
})

describe('github, in any case', () => {
  it('is asked with what its API demands: a version and a user agent', async () => {
    const lab = await bench(githubSubject())
    await signIn(lab)
    const asked = lab.idp.requests.filter(({ endpoint }) => endpoint === 'api')
    for (const { headers } of asked) {
      expect(headers.get('user-agent')).to.equal('consulate')
      expect(headers.get('x-github-api-version')).to.match(/^\d{4}-\d\d-\d\d$/)
    }
    expect(github.options.parse({ clientId: 'c', clientSecret: 's', anyAccount: true }).recheck).to.equal(true)
  })
})
