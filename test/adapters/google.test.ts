import { expect } from 'chai'
import { google } from '../../adapters/google.ts'
import {
  adapterContract,
  bench,
  type ContractSubject,
  redirectOf,
  refused,
  signIn,
} from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

// After "OpenID Connect" of Google's identity documentation: `hd` for hosted accounts, also at userinfo, a refresh token
// for access_type=offline.
const subject: ContractSubject<typeof google.options> = {
  type: google,
  options: {
    clientId: '1234-ada.apps.googleusercontent.com',
    clientSecret: 'GOCSPX-secret',
    hostedDomains: ['example.com'],
  },
  idp: {
    issuer: 'https://accounts.google.com',
    clientId: '1234-ada.apps.googleusercontent.com',
    clientSecret: 'GOCSPX-secret',
    user: { sub: '1175', name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true, hd: 'example.com' },
    userinfo: { hd: 'example.com' },
  },
  subject: '1175',
}

adapterContract('google', subject)

describe('google', () => {
  for (const [words, hd] of [
    ['without a hosted domain, whatever the e-mail address says', undefined],
    ['of another domain', 'evil.example'],
    ['of a domain below ours', 'sub.example.com'],
    ['of several domains at once', ['example.com']],
  ] as const) {
    it(`refuses an account ${words}, at the sign-in and when asked again`, async () => {
      const lab = await bench(subject)
      const identity = await signIn(lab)
      lab.idp.user = { ...lab.idp.user, hd }
      await refused(signIn(lab), lab.idp, 'not_allowed')
      await refused(lab.adapter.refresh?.(identity) ?? Promise.resolve(), lab.idp, 'not_allowed')
    })
  }

  it('lets in each of several domains', async () => {
    const options = { ...subject.options, hostedDomains: ['Example.org', 'example.com'] }
    const lab = await bench({ ...subject, options })
    await signIn(lab)
    lab.idp.user = { ...lab.idp.user, hd: 'example.org' }
    expect((await signIn(lab)).subject).to.equal('1175')
    expect((await redirectOf(lab.adapter, newLogin())).searchParams.get('hd')).to.equal('*')
  })

  it('lets in every account only when that is said', async () => {
    const { hostedDomains: _, ...rest } = subject.options
    const problems = (settings: object) => google.options.safeParse({ ...rest, ...settings }).error?.issues[0]?.message
    expect(problems({})).to.match(/name the domains/)
    expect(problems({ hostedDomains: [] })).to.match(/name the domains/)
    expect(problems({ hostedDomains: ['example.com'], anyDomain: true })).to.match(/either/)
    const lab = await bench({ ...subject, options: { ...rest, anyDomain: true } })
    lab.idp.user = { ...lab.idp.user, hd: undefined }
    expect((await signIn(lab)).subject).to.equal('1175')
    expect((await redirectOf(lab.adapter, newLogin())).searchParams.has('hd')).to.equal(false)
  })

  it('asks for a refresh token each time, in the way that Google gives one', async () => {
    const { adapter } = await bench(subject)
    const { searchParams } = await redirectOf(adapter, newLogin())
    expect(searchParams.get('access_type')).to.equal('offline')
    expect(searchParams.get('prompt')).to.equal('consent')
    const chosen = await redirectOf(adapter, newLogin({ prompt: 'login' }))
    expect(chosen.searchParams.get('prompt')).to.equal('select_account consent')
    expect(searchParams.get('scope')).not.to.contain('offline_access')
  })

  it('asks for no refresh token when recheck is off', async () => {
    const lab = await bench({ ...subject, options: { ...subject.options, recheck: false } })
    const { searchParams } = await redirectOf(lab.adapter, newLogin())
    expect([searchParams.has('access_type'), searchParams.has('prompt')]).to.deep.equal([false, false])
    expect(lab.adapter.refresh).to.equal(undefined)
    expect(await signIn(lab)).not.to.have.property('secret')
  })

  it('promises no logout, which Google has not', async () => {
    const { adapter } = await bench(subject)
    for (const part of ['endSession', 'loggedOut']) expect(adapter).not.to.have.property(part)
  })
})
