import { expect } from 'chai'
import { github } from '../../adapters/github.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { ACME, ada, githubSubject, OTHER, tokenError } from '../support/fake-github.ts'
import { newLogin } from '../support/login.ts'

adapterContract('github', githubSubject())

describe('github', () => {
  it('knows a user by the number, and groups by organization and team', async () => {
    expect(await signIn(await bench(githubSubject(ada(), { organizations: ['acme'], recheck: false })))).to.deep.equal({
      subject: '583231',
      claims: {
        name: 'Ada Lovelace',
        username: 'ada',
        email: 'ada@example.com',
        emailVerified: true,
        groups: ['Acme', 'Acme/core'],
      },
    })
  })

  it('keeps knowing a user whose login and name change', async () => {
    const user = ada()
    const lab = await bench(githubSubject(user))
    Object.assign(user, { login: 'countess', name: null })
    const { subject, claims } = await signIn(lab)
    expect([subject, claims.username, claims.name]).to.deep.equal(['583231', 'countess', 'countess'])
  })

  it('takes no e-mail address that is not verified, and none that is not the primary one', async () => {
    const user = ada()
    const lab = await bench(githubSubject(user))
    user.emails = [
      { email: 'president@example.com', primary: true, verified: false },
      { email: 'other@example.com', primary: false, verified: true },
    ]
    const { claims } = await signIn(lab)
    expect(claims).not.to.have.any.keys('email', 'emailVerified')
  })

  describe('organizations', () => {
    for (const [words, memberships] of [
      ['who is a member of another one only', [{ state: 'active', organization: OTHER }]],
      ['who is invited only', [{ state: 'pending', organization: ACME }]],
      ['who is in none', []],
    ] as const) {
      it(`refuse a user ${words}`, async () => {
        const user = { ...ada(), memberships: [...memberships] }
        const lab = await bench(githubSubject(user))
        const { message } = await refused(signIn(lab), lab.idp, 'not_allowed')
        expect(message).to.contain('acme')
      })
    }

    it('are compared with the answer, which must not be about another one', async () => {
      const lab = await bench(githubSubject())
      lab.idp.api['https://api.github.com/user/memberships/orgs/acme'] = { state: 'active', organization: OTHER }
      const { message } = await refused(signIn(lab), lab.idp, 'invalid')
      expect(message).to.contain('orgs/acme has an unexpected organization')
    })

    it('that moved to another name let nobody in by the old one', async () => {
      const lab = await bench(githubSubject())
      const location = `https://api.github.com/organizations/${ACME.id}`
      lab.idp.api['https://api.github.com/user/memberships/orgs/acme'] = () =>
        new Response(null, { status: 301, headers: { location } })
      await refused(signIn(lab), lab.idp, 'invalid')
    })

    it('let in a member of any of them, with the groups of all of them', async () => {
      const lab = await bench(githubSubject(ada(), { organizations: ['other', 'acme'] }))
      expect((await signIn(lab)).claims.groups).to.have.members(['Acme', 'other', 'Acme/core', 'other/hobby'])
    })

    it('that keep this app out are no reason to guess', async () => {
      const lab = await bench(githubSubject({ ...ada(), behindSignOn: [ACME] }))
      await refused(signIn(lab), lab.idp, 'not_allowed')
    })

    it('must be named for github.com, unless everybody is to get in', () => {
      const problems = (settings: object) =>
        github.options.safeParse({ clientId: 'c', clientSecret: 's', ...settings }).error?.issues[0]?.message
      expect(problems({})).to.match(/name the organizations/)
      expect(problems({ baseUrl: 'https://github.com/' })).to.match(/name the organizations/)
      expect(problems({ anyAccount: true })).to.equal(undefined)
      expect(problems({ organizations: ['acme'], anyAccount: true })).to.match(/either/)
      expect(problems({ organizations: ['acme/../user'] })).to.match(/name in its address/)
      expect(problems({ baseUrl: 'https://github.example.com' })).to.equal(undefined)
    })

    it('of everybody are all listed when nobody is left out, and not asked for when groups do not count', async () => {
      const open = await bench(githubSubject(ada(), { anyAccount: true }))
      expect((await signIn(open)).claims.groups).to.have.members(['Acme', 'other', 'Acme/core', 'other/hobby'])
      const closed = await bench(githubSubject(ada(), { anyAccount: true, groups: false }))
      expect((await signIn(closed)).claims).not.to.have.property('groups')
      expect((await redirectOf(closed.adapter, newLogin())).searchParams.get('scope')).to.equal('read:user user:email')
    })
  })

  describe('lists', () => {
    it('are read to the last page', async () => {
      const user = { ...ada(), pageSize: 2 }
      user.teams = Array.from({ length: 7 }, (_, index) => ({ slug: `team-${index}`, organization: ACME }))
      const lab = await bench(githubSubject(user))
      const { claims } = await signIn(lab)
      expect(claims.groups).to.deep.equal(['Acme', ...user.teams.map(({ slug }) => `Acme/${slug}`)])
    })

    it('that do not end are refused, and not cut', async () => {
      const user = { ...ada(), pageSize: 1 }
      user.teams = Array.from({ length: 60 }, (_, index) => ({ slug: `team-${index}`, organization: ACME }))
      const lab = await bench(githubSubject(user))
      const { message } = await refused(signIn(lab), lab.idp, 'invalid')
      expect(message).to.contain('user/teams')
      expect(lab.idp.count('api')).to.be.below(60)
    })

    it('from which single sign-on hides an organization are refused when it counts', async () => {
      const user = { ...ada(), behindSignOn: [OTHER] }
      const all = await bench(githubSubject(user, { anyAccount: true }))
      expect((await refused(signIn(all), all.idp, 'not_allowed')).message).to.contain('22')
      const acme = await bench(githubSubject(user))
      expect((await signIn(acme)).claims.groups).to.deep.equal(['Acme', 'Acme/core'])
    })

    it('of teams from which one of our organizations is hidden are refused', async () => {
      const lab = await bench(githubSubject())
      lab.idp.api['https://api.github.com/user/teams'] = () =>
        Response.json([], { headers: { 'x-github-sso': `partial-results; organizations=77,${ACME.id}` } })
      await refused(signIn(lab), lab.idp, 'not_allowed')
    })

    for (const next of [
      'https://evil.test/user/teams',
      'https://api.github.com.evil.test/',
      'http://api.github.com/x',
    ]) {
      it(`whose next page is at ${next} are refused, and no token goes there`, async () => {
        const lab = await bench(githubSubject())
        lab.idp.api['https://api.github.com/user/teams'] = () =>
          Response.json([], { headers: { link: `<${next}>; rel="next"` } })
        const { message } = await refused(signIn(lab), lab.idp, 'invalid')
        expect(message).to.contain('points somewhere else')
      })
    }
  })

  describe('answers', () => {
    for (const [error, reason] of [
      ['bad_verification_code', 'invalid'],
      ['incorrect_client_credentials', 'invalid'],
      ['redirect_uri_mismatch', 'invalid'],
      ['unverified_user_email', 'denied'],
    ] as const) {
      it(`with status 200 and the error ${error} are refused as ${reason}`, async () => {
        const lab = await bench(githubSubject())
        lab.idp.faults.answer = tokenError(error)
        const { message } = await refused(signIn(lab), lab.idp, reason)
        expect(message).to.contain(error)
      })
    }

    it('that limit the number of requests are an outage, and no decision about the user', async () => {
      const lab = await bench(githubSubject())
      for (const headers of [{ 'x-ratelimit-remaining': '0' }, { 'retry-after': '60' }]) {
        lab.idp.api['https://api.github.com/user'] = () => new Response('{}', { status: 403, headers })
        await refused(signIn(lab), lab.idp, 'unavailable')
      }
    })

    it('about a user without a number are refused', async () => {
      const lab = await bench(githubSubject())
      for (const id of [undefined, 0, '583231']) {
        lab.idp.api['https://api.github.com/user'] = { id, login: 'ada', name: 'Ada' }
        await refused(signIn(lab), lab.idp, 'invalid')
      }
    })

    it('name the issuer that GitHub calls itself (RFC 9207)', async () => {
      const lab = await bench(githubSubject())
      lab.idp.metadata.authorization_response_iss_parameter_supported = true
      expect((await signIn(lab)).subject).to.equal('583231')
    })
  })

  it('passes hints on under the names that GitHub knows', async () => {
    const { adapter } = await bench(githubSubject())
    const { searchParams } = await redirectOf(adapter, newLogin({ loginHint: 'ada', prompt: 'login' }))
    expect([searchParams.get('login'), searchParams.get('prompt')]).to.deep.equal(['ada', 'select_account'])
  })

  for (const [baseUrl, api] of [
    ['https://github.example.com', 'https://github.example.com/api/v3'],
    ['https://acme.ghe.com', 'https://api.acme.ghe.com'],
  ] as const) {
    it(`asks ${api} for ${baseUrl}`, async () => {
      const lab = await bench(githubSubject(ada(), { baseUrl }, baseUrl, api))
      expect((await signIn(lab)).claims.groups).to.include.members(['Acme/core'])
    })
  }
})
