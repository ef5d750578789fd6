import { expect } from 'chai'
import { okta } from '../../adapters/okta.ts'
import { adapterContract, bench, redirectOf, signIn } from '../contract/adapter.contract.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'

// After "OpenID Connect & OAuth 2.0 API" and "Customize tokens returned from Okta with a groups claim".
const org = {
  type: okta,
  options: { domain: 'acme.okta.com', clientId: '0oa1', clientSecret: 'a secret', backchannelLogout: true },
  idp: {
    issuer: 'https://acme.okta.com',
    clientId: '0oa1',
    clientSecret: 'a secret',
    user: { sub: '00u1', name: 'Ada Lovelace', email: 'ada@example.com', groups: ['Everyone', 'Engineering'] },
  },
  subject: '00u1',
} as const

const custom = {
  ...org,
  options: { ...org.options, authorizationServer: 'default' },
  idp: { ...org.idp, issuer: 'https://acme.okta.com/oauth2/default' },
} as const

adapterContract('okta', org)
adapterContract('okta with a custom authorization server', custom)

describe('okta', () => {
  it('takes groups from the ID token', async () => {
    expect((await signIn(await bench(org))).claims.groups).to.deep.equal(['Everyone', 'Engineering'])
  })

  it('takes groups from userinfo when the ID token is thin, and under the name that was chosen', async () => {
    const lab = await bench({ ...org, options: { ...org.options, groupsClaim: 'teams' } })
    lab.idp.userinfo = { teams: ['Engineering'] }
    expect((await signIn(lab)).claims.groups).to.deep.equal(['Engineering'])
  })

  it('has people sign in anew who want to choose an account, which Okta cannot let them', async () => {
    const { adapter } = await bench(org)
    const { searchParams } = await redirectOf(adapter, newLogin({ prompt: 'select_account' }))
    expect(searchParams.get('prompt')).to.equal('login')
  })

  it('takes a list that may have been cut at 100 for unknown, and warns', async () => {
    const warned: string[] = []
    const { idp } = await bench(org)
    const host = testHost({ fetch: idp.fetch, warn: (code) => warned.push(code) })
    const adapter = okta.open(okta.options.parse(org.options), host)
    const groups = (count: number) => Array.from({ length: count }, (_, index) => `group-${index}`)
    idp.user = { ...idp.user, groups: groups(100) }
    expect((await signIn({ idp, adapter })).claims).not.to.have.property('groups')
    expect(warned).to.deep.equal(['groups_cut'])
    idp.user = { ...idp.user, groups: groups(101) }
    expect((await signIn({ idp, adapter })).claims.groups).to.have.length(101)
  })

  for (const [words, subject, recheck, scope] of [
    ['groups and offline access of the org', org, true, 'openid profile email groups offline_access'],
    ['no groups of a custom server, which may not know the scope', custom, true, 'openid profile email offline_access'],
    ['no offline access when recheck is off', org, false, 'openid profile email groups'],
  ] as const) {
    it(`asks for ${words}`, async () => {
      const { adapter } = await bench({ ...subject, options: { ...subject.options, recheck } })
      expect((await redirectOf(adapter, newLogin())).searchParams.get('scope')).to.equal(scope)
      expect(adapter.refresh !== undefined).to.equal(recheck)
    })
  }

  it('sends nobody to a logout that needs an ID token', async () => {
    expect((await bench(org)).adapter.endSession).to.equal(undefined)
  })

  it('wants the domain where people sign in, alone', () => {
    const problem = (domain: string) => okta.options.safeParse({ ...org.options, domain }).error?.issues[0]?.message
    expect(problem('acme-admin.okta.com')).to.match(/console/)
    expect(problem('https://acme.okta.com')).to.match(/host name alone/)
    expect(problem('acme.okta.com/oauth2/default')).to.match(/host name alone/)
    expect(problem('login.example.com')).to.equal(undefined)
  })

  it('warns when no refresh token comes, since nobody can be asked about then', async () => {
    const warned: string[] = []
    const { idp } = await bench(org)
    idp.faults.tokens = ({ refresh_token: _, ...rest }) => rest
    const host = testHost({ fetch: idp.fetch, warn: (code) => warned.push(code) })
    await signIn({ idp, adapter: okta.open(okta.options.parse(org.options), host) })
    expect(warned).to.deep.equal(['no_refresh_token'])
  })

  it('takes logout tokens only where the configuration says that they come', async () => {
    const { backchannelLogout: _, ...options } = org.options
    expect((await bench({ ...org, options })).adapter).not.to.have.property('loggedOut')
  })
})
