import { expect } from 'chai'
import { sound } from '../config/support.ts'
import { CLIENT_ID, type Entra, SECRET, startEntra, TENANT } from '../support/entra/index.ts'
import { Workplace } from './support.ts'

describe('consulate doctor', function () {
  this.timeout(60_000)
  let at: Workplace
  let entra: Entra
  before(async () => {
    entra = await startEntra()
  })
  after(() => entra.stop())
  beforeEach(async () => {
    at = await Workplace.open()
    await entra.reset()
  })
  afterEach(() => at.close())

  const configure = (clientSecret = SECRET) => {
    const at1 = { authority: entra.origin, graph: entra.origin, allowInsecure: true }
    const idp = {
      id: 'entra',
      type: 'entra',
      name: 'Contoso',
      tenant: TENANT,
      clientId: CLIENT_ID,
      clientSecret,
      ...at1,
    }
    const partner = { ...idp, id: 'partner', name: 'Partner' }
    return at.write('consulate.yaml', { ...sound(), idps: [idp, partner] })
  }

  it('prints what it looked at for every IdP, and ends with 0 when nothing is bad', async () => {
    await configure()
    const { code, out, err } = await at.run(['doctor'])
    expect(err).to.equal('')
    expect(code).to.equal(0)
    expect(out).to.match(/^entra: Contoso \(entra\)\n {2}good {5}Discovery document: /)
    expect(out).to.contain('  good     Sign-in with the client secret: Entra accepts it\n')
    expect(out).to.contain('/callback/entra under the platform Web')
    expect(out).to.contain('\npartner: Partner (entra)\n').and.to.contain('/callback/partner under')
    expect(out).to.match(/Nothing is bad\.\n$/)
  })

  it('looks at one IdP when it is named, prints the remedy of what is bad, and ends with 1', async () => {
    await configure('wrong~secret')
    const { code, out } = await at.run(['doctor', 'entra'])
    expect(code).to.equal(1)
    expect(out).to.match(
      / {2}bad {6}Sign-in with the client secret: AADSTS7000215: .*\n {11}The people who run this server must/,
    )
    expect(out).to.match(/1 thing is bad\.\n$/)
    expect(out).not.to.contain('partner').and.not.to.contain('wrong~secret')
  })

  it('names the IdPs there are when asked for another, and ends with 1', async () => {
    await configure()
    const { code, err } = await at.run(['doctor', 'okta'])
    expect(code).to.equal(1)
    expect(err).to.contain('There is no identity provider "okta". Write one of entra, partner.')
  })

  it('has nothing to look at where an adapter has not', async () => {
    const { code, out } = await at.run(['doctor'])
    expect(code).to.equal(0)
    expect(out).to.match(/skipped {2}Adapter: it has nothing to look at\nNothing was looked at\.\n$/)
  })
})
