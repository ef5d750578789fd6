import { expect } from 'chai'
import { gitlab } from '../../adapters/gitlab.ts'
import {
  adapterContract,
  bench,
  type ContractSubject,
  redirectOf,
  refused,
  signIn,
} from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

// After "GitLab as OpenID Connect identity provider": `groups_direct` in the ID token, `groups` at userinfo.
const subject: ContractSubject<typeof gitlab.options> = {
  type: gitlab,
  options: { clientId: 'app', clientSecret: 'gloas-secret', groups: ['acme'] },
  idp: {
    issuer: 'https://gitlab.com',
    clientId: 'app',
    clientSecret: 'gloas-secret',
    refreshTokens: 'always',
    user: { sub: '42', name: 'Ada Lovelace', email: 'ada@example.com', groups_direct: ['acme/core'] },
    userinfo: { groups: ['Acme', 'acme/core'] },
  },
  subject: '42',
}

adapterContract('gitlab', subject)

describe('gitlab', () => {
  async function labWith(settings: object = {}) {
    return bench({ ...subject, options: { ...subject.options, ...settings } })
  }

  it('asks userinfo for the groups, of which the ID token lists only some', async () => {
    expect((await signIn(await labWith())).claims.groups).to.deep.equal(['Acme', 'acme/core'])
  })

  it('takes direct memberships alone when that is said', async () => {
    const lab = await labWith({ groupsClaim: 'groups_direct', groups: ['acme/core'] })
    expect((await signIn(lab)).claims.groups).to.deep.equal(['acme/core'])
    expect(lab.idp.count('userinfo')).to.equal(0)
  })

  for (const [words, groups] of [
    ['in no group', []],
    ['in a group below', ['acme/core']],
    ['in a group that begins alike', ['acme-evil']],
  ] as const) {
    it(`refuses a user ${words}, at the sign-in and when asked again`, async () => {
      const lab = await labWith()
      const identity = await signIn(lab)
      lab.idp.userinfo = { groups }
      await refused(signIn(lab), lab.idp, 'not_allowed')
      await refused(lab.adapter.refresh?.(identity) ?? Promise.resolve(), lab.idp, 'not_allowed')
    })
  }

  it('takes groups that are not told for unknown, which lets nobody in and ends nothing', async () => {
    const lab = await labWith()
    const identity = await signIn(lab)
    lab.idp.userinfo = { groups: undefined }
    await refused(signIn(lab), lab.idp, 'invalid')
    await refused(lab.adapter.refresh?.(identity) ?? Promise.resolve(), lab.idp, 'invalid')
  })

  it('has people sign in anew who want to choose an account, which GitLab cannot let them', async () => {
    const { adapter } = await bench(subject)
    const { searchParams } = await redirectOf(adapter, newLogin({ prompt: 'select_account' }))
    expect(searchParams.get('prompt')).to.equal('login')
  })

  it('wants to be told who may sign in from gitlab.com, and not from a server of your own', () => {
    const problem = (settings: object) =>
      gitlab.options.safeParse({ clientId: 'c', clientSecret: 's', ...settings }).error?.issues[0]?.message
    expect(problem({})).to.match(/name the groups/)
    expect(problem({ baseUrl: 'https://gitlab.com/' })).to.match(/name the groups/)
    expect(problem({ anyAccount: true })).to.equal(undefined)
    expect(problem({ groups: ['acme'], anyAccount: true })).to.match(/either/)
    expect(problem({ baseUrl: 'https://git.example.com' })).to.equal(undefined)
    for (const baseUrl of ['http://git.example.com', 'https://ada@git.example.com', 'https://git.example.com/?a=b']) {
      expect(problem({ baseUrl }), baseUrl).to.be.a('string')
    }
  })

  it('signs in at a server of your own, also below a path', async () => {
    const issuer = 'https://example.com/gitlab'
    const lab = await bench({
      ...subject,
      options: { clientId: 'app', clientSecret: 'gloas-secret', baseUrl: `${issuer}/` },
      idp: { ...subject.idp, issuer },
    })
    expect((await signIn(lab)).subject).to.equal('42')
  })

  it('asks for no offline access, which GitLab does not know', async () => {
    const { adapter } = await bench(subject)
    expect((await redirectOf(adapter, newLogin())).searchParams.get('scope')).to.equal('openid profile email')
  })

  it('promises no logout, which GitLab has not', async () => {
    const { adapter } = await bench(subject)
    for (const part of ['endSession', 'loggedOut']) expect(adapter).not.to.have.property(part)
  })
})
