/** What we prove ourselves with at Entra: secrets, certificates, federated tokens, and two of them at once. */
import { expect } from 'chai'
import { decodeJwt, decodeProtectedHeader, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { entra } from '../../../adapters/entra.ts'
import {
  CLIENT_ID,
  entraLab,
  type KeyPem,
  newCertificate,
  type Options,
  refused,
  SECRET,
  signIn,
  TENANT,
} from './lab.ts'

const FILE = '/var/run/secrets/azure/tokens/azure-identity-token'
const PLATFORM = {
  issuer: 'https://kubernetes.example',
  subject: 'system:serviceaccount:consulate',
  audience: 'api://AzureADTokenExchange',
}

describe('the credentials of Entra', function () {
  this.timeout(30_000)
  const lab = entraLab()
  let good: KeyPem
  let soon: KeyPem
  let strange: KeyPem

  before(() => {
    good = newCertificate()
    soon = newCertificate(10)
    strange = newCertificate()
  })

  /** The forms of the token requests so far. */
  const tokenRequests = async () =>
    (await lab.entra.seen()).filter(({ path }) => path.endsWith('/token')).map(({ parameters }) => parameters)

  describe('a client secret', () => {
    it('is sent in the body', async () => {
      await signIn(lab, lab.open())
      const [request] = await tokenRequests()
      expect(request).to.include({ client_id: CLIENT_ID, client_secret: SECRET, grant_type: 'authorization_code' })
    })

    it('that is wrong is refused with who must act and what to do', async () => {
      const { advice } = await refused(signIn(lab, lab.open({ clientSecret: 'wrong~1' })), 'invalid', /AADSTS7000215/)
      expect(advice?.remedy).to.contain('people who run this server').and.to.contain('not its ID')
    })

    it('that has expired is refused as that', async () => {
      await lab.entra.set({ app: { secrets: [{ value: SECRET, expired: true }] } })
      const { advice } = await refused(signIn(lab, lab.open()), 'invalid', /AADSTS7000222/)
      expect(advice?.words).to.contain('expired')
    })
  })

  describe('a certificate', () => {
    it('signs a PS256 assertion for the token endpoint that names it by x5t#S256', async () => {
      await lab.entra.set({ app: { certificates: [good.certificate] } })
      await signIn(lab, lab.open({ credentials: [good] }))
      const [request] = await tokenRequests()
      expect(request).not.to.have.property('client_secret')
      const assertion = request?.client_assertion ?? ''
      expect(decodeProtectedHeader(assertion)).to.include({ alg: 'PS256', typ: 'JWT' }).and.to.have.property('x5t#S256')
      const { iss, sub, aud, jti, exp = 0, nbf = 0 } = decodeJwt(assertion)
      expect({ iss, sub, aud }).to.deep.equal({
        iss: CLIENT_ID,
        sub: CLIENT_ID,
        aud: `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`,
      })
      expect(jti).to.be.a('string')
      expect(exp - nbf).to.equal(300)
    })

    it('is never used for the same assertion twice', async () => {
      await lab.entra.set({ app: { certificates: [good.certificate] } })
      const opened = lab.open({ credentials: [good] })
      await signIn(lab, opened)
      await signIn(lab, opened)
      const [first, second] = (await tokenRequests()).map(
        ({ client_assertion = '' }) => decodeJwt(client_assertion).jti,
      )
      expect(first).not.to.equal(second)
    })

    it('that is not uploaded is refused as that', () =>
      refused(signIn(lab, lab.open({ credentials: [strange] })), 'invalid', /AADSTS700027/))

    it('is told of 30 days before it ends, and not before', async () => {
      await lab.entra.set({ app: { certificates: [good.certificate, soon.certificate] } })
      const quiet = lab.open({ credentials: [good] })
      await signIn(lab, quiet)
      expect(quiet.warnings).to.deep.equal([])
      const loud = lab.open({ credentials: [soon] })
      await signIn(lab, loud)
      expect(loud.warnings).to.have.length(1)
      expect(loud.warnings[0]).to.match(/^credential_expires: the certificate \S+ ends on \d{4}-\d\d-\d\d, in \d+ days/)
    })
  })

  describe('a federated token', () => {
    const tokens: string[] = []
    const readFile = async (path: string) => {
      expect(path).to.equal(FILE)
      const token = tokens.length > 1 ? tokens.shift() : tokens[0]
      if (token === undefined) throw new Error(`no such file: ${path}`)
      return `${token}\n`
    }

    beforeEach(async () => {
      const { publicKey, privateKey } = await generateKeyPair('RS256')
      const token = (jti: string) =>
        new SignJWT({ jti })
          .setProtectedHeader({ alg: 'RS256' })
          .setIssuer(PLATFORM.issuer)
          .setSubject(PLATFORM.subject)
          .setAudience(PLATFORM.audience)
          .setExpirationTime('1h')
          .sign(privateKey)
      tokens.splice(0, Number.POSITIVE_INFINITY, await token('first'), await token('second'))
      await lab.entra.set({ app: { federated: [{ ...PLATFORM, publicKey: await exportSPKI(publicKey) }] } })
    })

    it('is read from its file again for every request, so that its renewal is noticed', async () => {
      const opened = lab.open({ credentials: [{ federatedTokenFile: FILE }] }, { readFile })
      await signIn(lab, opened)
      await signIn(lab, opened)
      const ids = (await tokenRequests()).map(({ client_assertion = '' }) => decodeJwt(client_assertion).jti)
      expect(ids).to.deep.equal(['first', 'second'])
    })

    it('that no federated credential fits is refused as that', async () => {
      await lab.entra.set({ app: { federated: [] } })
      const opened = lab.open({ credentials: [{ federatedTokenFile: FILE }] }, { readFile })
      await refused(signIn(lab, opened), 'invalid', /AADSTS700213.*issuer, subject and audience/)
    })

    it('whose file is gone is refused with the name of the file', async () => {
      tokens.length = 0
      const opened = lab.open({ credentials: [{ federatedTokenFile: FILE }] }, { readFile })
      await refused(signIn(lab, opened), 'invalid', new RegExp(FILE))
    })
  })

  describe('two at once', () => {
    it('go on when the first is refused, and the one that works is used first from then on', async () => {
      await lab.entra.set({ app: { secrets: [{ value: 'new~2' }] } })
      const opened = lab.open({ credentials: [{ clientSecret: SECRET }, { clientSecret: 'new~2' }] })
      await signIn(lab, opened)
      await signIn(lab, opened)
      expect((await tokenRequests()).map(({ client_secret }) => client_secret)).to.deep.equal([
        SECRET,
        'new~2',
        'new~2',
      ])
    })

    for (const [words, used] of [
      ['the first of which is used', 'old~1'],
      ['the second of which is used', undefined],
    ] as const) {
      it(`${words} are both told of before they end`, async () => {
        const secrets = used === undefined ? [] : [{ value: used }]
        await lab.entra.set({ app: { secrets, certificates: [soon.certificate] } })
        const expires = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
        const opened = lab.open({ credentials: [{ clientSecret: 'old~1', expires }, soon] })
        await signIn(lab, opened)
        const told = opened.warnings.map((warning) => warning.split(':')[0])
        expect([...new Set(told)]).to.deep.equal(['credential_expires_0', 'credential_expires_1'])
      })
    }

    it('may be of two kinds, and change over while people sign in', async () => {
      const opened = lab.open({ credentials: [{ clientSecret: SECRET }, good] })
      await signIn(lab, opened)
      await lab.entra.set({ app: { secrets: [], certificates: [good.certificate] } })
      await signIn(lab, opened)
      await lab.entra.set({ app: { secrets: [{ value: SECRET }], certificates: [] } })
      await signIn(lab, opened)
    })

    it('are both tried, and the refusal of the last is told', async () => {
      await lab.entra.set({ app: { secrets: [] } })
      const opened = lab.open({ credentials: [{ clientSecret: SECRET }, good] })
      await refused(signIn(lab, opened), 'invalid', /AADSTS700027/)
      expect(await tokenRequests()).to.have.length(2)
    })

    it('also when the first is a federated token without a federated credential', async () => {
      const { privateKey } = await generateKeyPair('RS256')
      const token = await new SignJWT({}).setProtectedHeader({ alg: 'RS256' }).setIssuer('https://x').sign(privateKey)
      const credentials = [{ federatedTokenFile: FILE }, { clientSecret: SECRET }]
      await signIn(lab, lab.open({ credentials }, { readFile: async () => token }))
    })

    it('are not both spent on what is wrong with the user or the code', async () => {
      await lab.entra.set({ people: { ada: { disabled: true } } })
      await refused(signIn(lab, lab.open({ credentials: [{ clientSecret: SECRET }, good] })), 'not_allowed')
      expect(await tokenRequests()).to.have.length(1)
    })
  })

  it('warn 30 days before the date that stands beside a secret', async () => {
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    for (const [days, warnings] of [
      [40, 0],
      [20, 1],
    ] as const) {
      const opened = lab.open({ credentials: [{ clientSecret: SECRET, expires: inDays(days) }] })
      await signIn(lab, opened)
      expect(opened.warnings).to.have.length(warnings)
    }
  })

  describe('the settings', () => {
    const verdict = (credentials: Options['credentials'], more: Options = {}) =>
      entra.options
        .safeParse({ tenant: TENANT, clientId: CLIENT_ID, credentials, ...more })
        .error?.issues.map(({ path }) => path.join('.')) ?? []

    it('take one kind of credential each', () => {
      expect(verdict([{ ...good, clientSecret: 'x' }])).to.deep.equal(['credentials.0'])
      expect(verdict([{}])).to.deep.equal(['credentials.0'])
      expect(verdict([{ clientSecret: 'x' }, { federatedTokenFile: FILE }, good])).to.deep.equal(['credentials'])
      expect(verdict([good], { clientSecret: 'x' })).to.deep.equal(['clientSecret'])
      expect(verdict(undefined)).to.deep.equal(['clientSecret'])
    })

    it('find a certificate without a key, with another key, or with a key that Entra does not take', () => {
      expect(verdict([{ certificate: good.certificate }])).to.deep.equal(['credentials.0.privateKey'])
      expect(verdict([{ ...good, privateKey: strange.privateKey }])).to.deep.equal(['credentials.0.privateKey'])
      expect(verdict([{ ...good, certificate: 'x' }])).to.deep.equal(['credentials.0.certificate'])
      expect(verdict([{ ...good, privateKey: 'x' }])).to.deep.equal(['credentials.0.privateKey'])
      expect(verdict([newCertificate(9, 'rsa:1024')])).to.deep.equal(['credentials.0.privateKey'])
      expect(verdict([{ clientSecret: TENANT }])).to.deep.equal(['credentials.0.clientSecret'])
    })

    it('never quote a key', () => {
      const { error } = entra.options.safeParse({ credentials: [{ ...good, privateKey: strange.privateKey }] })
      expect(JSON.stringify(error?.issues)).not.to.contain('PRIVATE')
    })
  })
})
