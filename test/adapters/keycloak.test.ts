import { expect } from 'chai'
import { keycloak } from '../../adapters/keycloak.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

// After "Server Administration Guide", protocol mappers: `groups` of Group Membership, `realm_access` and
// `resource_access` of User Realm Role and User Client Role.
const subject = {
  type: keycloak,
  options: {
    baseUrl: 'https://sso.example.com',
    realm: 'Acme staff',
    clientId: 'consulate',
    clientSecret: 'a secret',
    backchannelLogout: true,
  },
  idp: {
    issuer: 'https://sso.example.com/realms/Acme%20staff',
    clientId: 'consulate',
    clientSecret: 'a secret',
    user: { sub: '6f1c', name: 'Ada Lovelace', email: 'ada@example.com', preferred_username: 'ada' },
  },
  subject: '6f1c',
} as const

const ACCESS = {
  groups: ['/engineering', '/engineering/core'],
  realm_access: { roles: ['offline_access', 'auditor'] },
  resource_access: { files: { roles: ['writer'] }, account: { roles: ['view-profile'] } },
}

adapterContract('keycloak', subject)

type Settings = Partial<Parameters<typeof keycloak.options.parse>[0] & object>

async function groupsFor(settings: Settings, access: object = ACCESS) {
  const lab = await bench({ ...subject, options: { ...subject.options, ...settings } })
  lab.idp.user = { ...lab.idp.user, ...access }
  return (await signIn(lab)).claims.groups
}

describe('keycloak', () => {
  for (const [words, settings, expected] of [
    ['groups alone unless told otherwise', {}, ACCESS.groups],
    ['groups from a claim of another name', { groupsClaim: 'absent' }, undefined],
    ['nothing', { groupsClaim: false }, undefined],
    ['realm roles', { groupsClaim: false, realmRoles: true }, ['realm-role:offline_access', 'realm-role:auditor']],
    ['roles of the clients named', { groupsClaim: false, clientRoles: ['files'] }, ['client-role:files:writer']],
    ['no roles of a client in which the user has none', { groupsClaim: false, clientRoles: ['mail'] }, []],
    [
      'all of them together',
      { realmRoles: true, clientRoles: ['files'] },
      [...ACCESS.groups, 'realm-role:offline_access', 'realm-role:auditor', 'client-role:files:writer'],
    ],
  ] as const) {
    it(`takes for groups ${words}`, async () => {
      const { clientRoles = [], ...rest } = settings as { clientRoles?: readonly string[] }
      expect(await groupsFor({ ...rest, clientRoles: [...clientRoles] })).to.deep.equal(expected)
    })
  }

  for (const missing of ['groups', 'realm_access', 'resource_access'] as const) {
    it(`takes the whole list for unknown when ${missing} should be in it and is not`, async () => {
      const access = { ...ACCESS, [missing]: undefined }
      expect(await groupsFor({ realmRoles: true, clientRoles: ['files'] }, access)).to.equal(undefined)
    })
  }

  it('asks userinfo for roles that the ID token lacks', async () => {
    const lab = await bench({ ...subject, options: { ...subject.options, groupsClaim: false, realmRoles: true } })
    lab.idp.userinfo = { realm_access: ACCESS.realm_access }
    expect((await signIn(lab)).claims.groups).to.include('realm-role:auditor')
  })

  for (const group of ['realm-role:auditor', 'client-role:files:writer']) {
    it(`refuses a user in a group called ${group}, which would pass for the role`, async () => {
      const lab = await bench(subject)
      lab.idp.user = { ...lab.idp.user, groups: [group] }
      await refused(signIn(lab), lab.idp, 'invalid')
    })
  }

  for (const [settings, scope] of [
    [{}, 'openid profile email offline_access'],
    [{ offlineSession: false }, 'openid profile email'],
    [{ recheck: false }, 'openid profile email'],
  ] as const) {
    it(`asks for ${scope} with ${JSON.stringify(settings)}`, async () => {
      const { adapter } = await bench({ ...subject, options: { ...subject.options, ...settings } })
      expect((await redirectOf(adapter, newLogin())).searchParams.get('scope')).to.equal(scope)
    })
  }

  it('can be asked again within the session of the browser, without offline access', async () => {
    const options = { ...subject.options, offlineSession: false }
    const lab = await bench({ ...subject, options, idp: { ...subject.idp, refreshTokens: 'always' } })
    const identity = await signIn(lab)
    lab.idp.user = { ...lab.idp.user, groups: ['/sales'] }
    expect((await lab.adapter.refresh?.(identity))?.claims.groups).to.deep.equal(['/sales'])
  })

  it('wants the address without the realm', () => {
    const problem = (baseUrl: string) =>
      keycloak.options.safeParse({ ...subject.options, baseUrl }).error?.issues[0]?.message
    expect(problem('https://sso.example.com/realms/acme')).to.match(/leave out \/realms/)
    expect(problem('http://sso.example.com')).to.be.a('string')
    expect(problem('https://sso.example.com/auth/')).to.equal(undefined)
  })

  it('takes logout tokens only where the configuration says that they come', async () => {
    const { backchannelLogout: _, ...options } = subject.options
    expect((await bench({ ...subject, options })).adapter).not.to.have.property('loggedOut')
  })
})
