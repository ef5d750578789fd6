/** The whole issuer in front of Entra as a second process: sign-in, offboarding, and what people read when it fails. */
import { expect } from 'chai'
import { authorizationRequest, browserFor, register, signIn } from '../support/client.ts'
import { audited, Connected, INTERVAL } from '../support/company-issuer.ts'
import { CLIENT_ID, ENGINEERING, type Entra, SECRET, startEntra, TENANT } from '../support/entra/index.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('an issuer in front of Entra', function () {
  this.timeout(60_000)
  let entra: Entra
  let issuer: TestIssuer

  before(async () => {
    entra = await startEntra()
  })
  after(() => entra.stop())
  beforeEach(async () => {
    await entra.reset()
    const at = { authority: entra.origin, graph: entra.origin, allowInsecure: true }
    const idp = { tenant: TENANT, clientId: CLIENT_ID, clientSecret: SECRET, groups: { cacheSeconds: 0 }, ...at }
    issuer = await startIssuer({
      config: (defaults) => ({ ...defaults, idps: [{ id: 'entra', type: 'entra', name: 'Contoso', ...idp }] }),
    })
    await entra.set({ app: { redirectUris: [`${issuer.url}/callback/entra`] } })
  })
  afterEach(() => issuer.close())

  const connect = async (visitor: string) => {
    await entra.set({ behaviour: { visitor } })
    return Connected.by(visitor, issuer.url)
  }
  /** Both clocks, as time passes for everybody. */
  const pass = async (by: number) => {
    issuer.advance(by)
    await entra.set({ behaviour: { clockAhead: by } })
  }

  it('connects a client of one of its people, with name and groups in the token', async () => {
    const { claims } = await connect('ada')
    expect(claims).to.deep.include({ name: 'Ada Lovelace', groups: [ENGINEERING] })
    expect(claims.sub).not.to.contain('@')
  })

  it('ends the clients of somebody whom an administrator disabled, and goes on for the others', async () => {
    const [ada, grace] = [await connect('ada'), await connect('grace')]
    await entra.set({ people: { ada: { disabled: true } } })
    await pass(INTERVAL)
    const { status, body } = await ada.refresh()
    expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
    expect((await grace.refresh()).status).to.equal(200)
    expect(audited(issuer, 'recheck.ended')[0]).to.include({ idp: 'entra', reason: 'not_allowed' })
  })

  it('puts the groups that somebody is in by then into the next token', async () => {
    const ada = await connect('ada')
    await entra.set({ people: { ada: { groups: ['5f1c5a8e-0000-4000-8000-000000000009'] } } })
    await pass(INTERVAL)
    expect((await ada.refresh()).status).to.equal(200)
    expect(ada.claims.groups).to.deep.equal(['5f1c5a8e-0000-4000-8000-000000000009'])
  })

  it('goes on for everybody while Entra is down', async () => {
    const ada = await connect('ada')
    await pass(INTERVAL)
    await entra.set({ behaviour: { down: 503 } })
    expect((await ada.refresh()).status).to.equal(200)
  })

  for (const code of [65004, 50105, 90094]) {
    it(`answers a refusal of Entra with a page and a line in the log, and no code: AADSTS${code}`, async () => {
      await entra.set({ behaviour: { authorizeError: code } })
      const request = authorizationRequest(issuer.url, await register(issuer.url))
      const browser = browserFor(request)
      const pages: string[] = []
      const outcome = await signIn(request, { onPage: (page) => pages.push(page.html) }, browser).catch(String)
      expect(String(outcome)).not.to.match(/[?&]code=/)
      const line = issuer.logged.find((each) => JSON.stringify(each).includes(`AADSTS${code}: `))
      expect(line).to.be.an('object')
      expect(JSON.stringify(issuer.logged)).not.to.contain(SECRET)
    })
  }
})
