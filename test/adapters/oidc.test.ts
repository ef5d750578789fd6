import { expect } from 'chai'
import { oidc } from '../../adapters/oidc.ts'
import { adapterContract, bench, redirectOf, refused, signIn } from '../contract/adapter.contract.ts'
import { newLogin } from '../support/login.ts'

const subject = {
  type: oidc,
  options: {
    issuer: 'https://idp.example.com',
    clientId: 'consulate',
    clientSecret: 'a secret: with/signs+',
    backchannelLogout: true,
  },
  idp: {
    issuer: 'https://idp.example.com',
    clientId: 'consulate',
    clientSecret: 'a secret: with/signs+',
    user: { sub: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com', preferred_username: 'ada' },
  },
  subject: 'user-1',
} as const

adapterContract('oidc', subject)

describe('oidc', () => {
  it('takes the claims it knows and leaves out those of a wrong type', async () => {
    const { idp, adapter } = await bench(subject)
    idp.user = { ...idp.user, email_verified: true, groups: ['a', 'b'] }
    expect((await signIn({ idp, adapter })).claims).to.deep.equal({
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      emailVerified: true,
      username: 'ada',
      groups: ['a', 'b'],
    })
    idp.user = { sub: 'user-1', name: 7, email: ['x'], email_verified: 'yes', preferred_username: '', groups: [1] }
    expect(await signIn({ idp, adapter })).to.deep.equal({ subject: 'user-1', claims: {} })
  })

  it('asks userinfo for what the ID token lacks, and believes the ID token first', async () => {
    const { idp, adapter } = await bench({ ...subject, options: { ...subject.options, groupsClaim: 'roles' } })
    idp.userinfo = { name: 'Somebody Else', roles: ['admins'] }
    const { claims } = await signIn({ idp, adapter })
    expect(claims.name).to.equal('Ada Lovelace')
    expect(claims.groups).to.deep.equal(['admins'])
  })

  it('does not ask userinfo when nothing is missing', async () => {
    const { idp, adapter } = await bench(subject)
    idp.user = { ...idp.user, groups: [] }
    await signIn({ idp, adapter })
    expect(idp.count('userinfo')).to.equal(0)
  })

  it("refuses another user's userinfo", async () => {
    const { idp, adapter } = await bench(subject)
    idp.userinfo = { sub: 'user-2' }
    await refused(signIn({ idp, adapter }), idp, 'invalid')
  })

  it('refuses when userinfo is down, since groups may decide what the user may do', async () => {
    const { idp, adapter } = await bench(subject)
    idp.faults.answer = (endpoint, response) => (endpoint === 'userinfo' ? new Response('', { status: 502 }) : response)
    await refused(signIn({ idp, adapter }), idp, 'unavailable')
  })

  for (const [offered, configured, sent] of [
    [undefined, undefined, 'basic'],
    [['client_secret_basic', 'client_secret_post'], undefined, 'basic'],
    [['client_secret_post'], undefined, 'post'],
    [['client_secret_basic', 'client_secret_post'], 'client_secret_post', 'post'],
  ] as const) {
    it(`sends its secret by ${sent} when ${offered ?? 'nothing'} is offered and ${configured ?? 'nothing'} configured`, async () => {
      const options = configured ? { ...subject.options, clientSecretMethod: configured } : subject.options
      const { idp, adapter } = await bench({ ...subject, options })
      idp.metadata.token_endpoint_auth_methods_supported = offered
      await signIn({ idp, adapter })
      const token = idp.requests.find(({ endpoint }) => endpoint === 'token')
      expect(token?.headers.has('authorization')).to.equal(sent === 'basic')
      expect(token?.form.has('client_secret')).to.equal(sent === 'post')
    })
  }

  for (const [offered, sent] of [
    [undefined, 'select_account'],
    [['login', 'select_account'], 'select_account'],
    [['login', 'consent'], 'login'],
    ['login', 'select_account'],
  ] as const) {
    it(`asks an IdP that offers the prompts ${offered ?? 'unsaid'} for ${sent} when people want to choose an account`, async () => {
      const { idp, adapter } = await bench(subject)
      idp.metadata.prompt_values_supported = offered
      const { searchParams } = await redirectOf(adapter, newLogin({ prompt: 'select_account' }))
      expect(searchParams.get('prompt')).to.equal(sent)
    })
  }

  for (const [words, scopes, recheck, asks] of [
    ['does not ask again by itself', ['openid'], undefined, false],
    ['asks again when offline access is among the scopes', ['openid', 'offline_access'], undefined, true],
    ['asks again when told so', ['openid'], true, true],
    ['does not ask again when told so', ['openid', 'offline_access'], false, false],
  ] as const) {
    it(words, async () => {
      const options = { ...subject.options, scopes: [...scopes], ...(recheck !== undefined && { recheck }) }
      expect((await bench({ ...subject, options })).adapter.refresh !== undefined).to.equal(asks)
    })
  }

  describe('options', () => {
    const problems = (options: object) =>
      oidc.options
        .safeParse({ issuer: 'https://idp.example.com', clientId: 'c', ...options })
        .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

    it('allow plain http for this computer only, and only when asked to', () => {
      expect(problems({ issuer: 'http://localhost:8080' })).to.match(/allowInsecure: true/)
      expect(problems({ issuer: 'http://idp.example.com', allowInsecure: true })).to.match(/use https/)
      for (const host of ['localhost', '127.0.0.1', '[::1]']) {
        expect(problems({ issuer: `http://${host}:8080`, allowInsecure: true })).to.equal(undefined)
      }
    })

    it('demand the openid scope, an issuer without a query, and nothing unknown', () => {
      expect(problems({ scopes: ['profile'] })).to.match(/add openid/)
      expect(problems({ issuer: 'https://idp.example.com/?a=b' })).to.match(/without a query/)
      for (const user of ['ada@', 'ada:secret@', ':secret@']) {
        expect(problems({ issuer: `https://${user}idp.example.com` })).to.match(/without a user/)
      }
      expect(problems({ clientID: 'c' })).to.match(/Unrecognized key/)
    })
  })

  it('takes logout tokens only where the configuration says that they come', async () => {
    const { backchannelLogout: _, ...options } = subject.options
    expect((await bench({ ...subject, options })).adapter).not.to.have.property('loggedOut')
  })
})
