import { expect } from 'chai'
import { cognito } from '../../adapters/cognito.ts'
import { adapterContract, bench, redirectOf, signIn } from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

const POOL = 'eu-central-1_Ab12Cd34E'

// After "Understanding the identity (ID) token", "Refresh tokens" and "The managed login sign-out endpoint" of the Amazon
// Cognito Developer Guide: groups only for who is in one, a refresh token for every sign-in, `logout_uri` to come back.
const subject = {
  type: cognito,
  options: { region: 'eu-central-1', userPoolId: POOL, clientId: '4abc', clientSecret: 'a secret' },
  idp: {
    issuer: `https://cognito-idp.eu-central-1.amazonaws.com/${POOL}`,
    clientId: '4abc',
    clientSecret: 'a secret',
    refreshTokens: 'always',
    user: { sub: 'd1a2', name: 'Ada Lovelace', email: 'ada@example.com', 'cognito:username': 'ada' },
  },
  subject: 'd1a2',
} as const

adapterContract('cognito', subject)

describe('cognito', () => {
  it('takes groups from cognito:groups, and renews them', async () => {
    const lab = await bench(subject)
    lab.idp.user = { ...lab.idp.user, 'cognito:groups': ['admins'] }
    const identity = await signIn(lab)
    expect(identity.claims).to.include({ username: 'ada' })
    expect(identity.claims.groups).to.deep.equal(['admins'])
    lab.idp.user = { ...lab.idp.user, 'cognito:groups': ['readers'] }
    expect((await lab.adapter.refresh?.(identity))?.claims.groups).to.deep.equal(['readers'])
  })

  it('knows that a user without the claim is in no group, and that any other claim is none', async () => {
    const lab = await bench(subject)
    lab.idp.user = { ...lab.idp.user, groups: ['of an attribute'] }
    expect((await signIn(lab)).claims.groups).to.deep.equal([])
    lab.idp.user = { ...lab.idp.user, 'cognito:groups': 'admins' }
    expect((await signIn(lab)).claims).not.to.have.property('groups')
  })

  it('asks for no offline access, which Cognito does not know', async () => {
    const { adapter } = await bench(subject)
    expect((await redirectOf(adapter, newLogin())).searchParams.get('scope')).to.equal('openid profile email')
  })

  it('ends the session at the domain that the pool names, with the way back under its name there', async () => {
    const lab = await bench(subject)
    lab.idp.metadata.end_session_endpoint = 'https://acme.auth.eu-central-1.amazoncognito.com/logout'
    const url = await lab.adapter.endSession?.(new URL('https://auth.example.com/signed-out'))
    expect(url?.origin).to.equal('https://acme.auth.eu-central-1.amazoncognito.com')
    expect(url?.searchParams.get('logout_uri')).to.equal('https://auth.example.com/signed-out')
    expect(url?.searchParams.get('client_id')).to.equal('4abc')
  })

  it('finds pools in China where they are', async () => {
    const userPoolId = 'cn-north-1_Ab12'
    const lab = await bench({
      ...subject,
      options: { ...subject.options, region: 'cn-north-1', userPoolId },
      idp: { ...subject.idp, issuer: `https://cognito-idp.cn-north-1.amazonaws.com.cn/${userPoolId}` },
    })
    expect((await signIn(lab)).subject).to.equal('d1a2')
  })

  it('wants a pool of the region', () => {
    const problem = (settings: object) =>
      cognito.options.safeParse({ ...subject.options, ...settings }).error?.issues[0]?.message
    expect(problem({ region: 'us-east-1' })).to.match(/another region/)
    expect(problem({ userPoolId: 'Ab12' })).to.match(/ID of the user pool/)
    expect(problem({ region: 'Frankfurt' })).to.match(/code of the region/)
    expect(problem({ region: 'us-gov-west-1', userPoolId: 'us-gov-west-1_Ab12' })).to.equal(undefined)
  })

  it('takes no logout tokens, which Cognito does not send', async () => {
    expect((await bench(subject)).adapter).not.to.have.property('loggedOut')
  })
})
