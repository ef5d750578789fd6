import { expect } from 'chai'
import { auth0 } from '../../adapters/auth0.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

// After "Work with Tokens and Organizations" and "Get Refresh Tokens": the issuer ends in a slash, `org_id` tells the
// organization, and claims of one's own have a namespace.
const subject = {
  type: auth0,
  options: { domain: 'acme.eu.auth0.com', clientId: 'abc', clientSecret: 'a secret', backchannelLogout: true },
  idp: {
    issuer: 'https://acme.eu.auth0.com/',
    clientId: 'abc',
    clientSecret: 'a secret',
    user: { sub: 'auth0|5f7c', name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true },
  },
  subject: 'auth0|5f7c',
} as const

const ROLES = 'https://acme.example/roles'

adapterContract('auth0', subject)

describe('auth0', () => {
  it('takes groups from the claim that is named, and from none otherwise', async () => {
    const user = { ...subject.idp.user, [ROLES]: ['admin'], groups: ['of whoever wrote an Action'] }
    const idp = { ...subject.idp, user }
    expect((await signIn(await bench({ ...subject, idp }))).claims).not.to.have.property('groups')
    const named = { ...subject, idp, options: { ...subject.options, groupsClaim: ROLES } }
    expect((await signIn(await bench(named))).claims.groups).to.deep.equal(['admin'])
  })

  describe('with an organization', () => {
    for (const [organization, claims] of [
      ['org_9aFb', { org_id: 'org_9aFb' }],
      ['Acme', { org_id: 'org_9aFb', org_name: 'acme' }],
    ] as const) {
      it(`asks for ${organization}, and takes a token of it`, async () => {
        const lab = await bench({ ...subject, options: { ...subject.options, organization } })
        lab.idp.user = { ...lab.idp.user, ...claims }
        expect((await redirectOf(lab.adapter, newLogin())).searchParams.get('organization')).to.equal(organization)
        expect((await signIn(lab)).subject).to.equal(subject.subject)
      })

      for (const [words, change] of [
        ['without an organization, as when the parameter is taken out on the way', {}],
        ['of another one', { org_id: 'org_evil', org_name: 'evil' }],
        ['of one that is called like the other claim', { org_id: 'acme', org_name: 'org_9aFb' }],
      ] as const) {
        it(`refuses for ${organization} a token ${words}`, async () => {
          const lab = await bench({ ...subject, options: { ...subject.options, organization } })
          lab.idp.user = { ...subject.idp.user, ...change }
          await refused(signIn(lab), lab.idp, 'not_allowed')
        })
      }
    }

    it('ends access when the user is in it no more', async () => {
      const lab = await bench({ ...subject, options: { ...subject.options, organization: 'org_9aFb' } })
      lab.idp.user = { ...lab.idp.user, org_id: 'org_9aFb' }
      const identity = await signIn(lab)
      lab.idp.user = subject.idp.user
      await refused(lab.adapter.refresh?.(identity) ?? Promise.resolve(), lab.idp, 'not_allowed')
    })
  })

  it('takes a blocked user for one who is turned away, at the sign-in and when asked again', async () => {
    const lab = await bench(subject)
    const identity = await signIn(lab)
    const blocked = { error: 'unauthorized', error_description: 'user is blocked' }
    lab.idp.faults.back = (url) => {
      url.searchParams.delete('code')
      for (const [name, value] of Object.entries(blocked)) url.searchParams.set(name, value)
    }
    const { message } = await refused(signIn(lab), lab.idp, 'denied')
    expect(message).to.contain('user is blocked')
    lab.idp.faults = { answer: (at, answer) => (at === 'token' ? Response.json(blocked, { status: 403 }) : answer) }
    await refused(lab.adapter.refresh?.(identity) ?? Promise.resolve(), lab.idp, 'denied')
  })

  it('asks for offline access, unless recheck is off', async () => {
    const scopeOf = async (recheck: boolean) => {
      const { adapter } = await bench({ ...subject, options: { ...subject.options, recheck } })
      return (await redirectOf(adapter, newLogin())).searchParams.get('scope')
    }
    expect(await scopeOf(true)).to.equal('openid profile email offline_access')
    expect(await scopeOf(false)).to.equal('openid profile email')
  })

  it('takes logout tokens only where the configuration says that they come', async () => {
    const { backchannelLogout: _, ...options } = subject.options
    expect((await bench({ ...subject, options })).adapter).not.to.have.property('loggedOut')
  })
})
