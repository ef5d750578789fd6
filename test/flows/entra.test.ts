/** The whole issuer in front of Entra as a second process: sign-in, offboarding, and what people read when it fails. */
import { expect } from 'chai'
import { AADSTS } from '../../adapters/entra/aadsts.ts'
import { CHALLENGE_KIND } from '../../src/idp/challenges.ts'
import { openMetrics } from '../../src/observe/metrics.ts'
import { register } from '../support/client.ts'
import { audited, Connected, INTERVAL } from '../support/company-issuer.ts'
import { approve, openConsent } from '../support/consent.ts'
import { CLIENT_ID, ENGINEERING, type Entra, SECRET, startEntra, TENANT } from '../support/entra/index.ts'
import { startIssuer, type TestIssuer, type TestOptions } from '../support/issuer.ts'
import { reading } from '../support/metrics.ts'

describe('an issuer in front of Entra', function () {
  this.timeout(60_000)
  let entra: Entra
  let issuer: TestIssuer
  let ahead = 0

  before(async () => {
    entra = await startEntra()
  })
  after(() => entra.stop())
  beforeEach(async () => {
    await entra.reset()
    ahead = 0
    issuer = await start({ clientSecret: SECRET })
  })
  afterEach(() => issuer.close())

  async function start(credentials: object, options: TestOptions = {}): Promise<TestIssuer> {
    const at = { authority: entra.origin, graph: entra.origin, allowInsecure: true }
    const idp = { tenant: TENANT, clientId: CLIENT_ID, groups: { cacheSeconds: 0 }, ...at, ...credentials }
    const started = await startIssuer({
      ...options,
      config: (defaults) => ({ ...defaults, idps: [{ id: 'entra', type: 'entra', name: 'Contoso', ...idp }] }),
    })
    await entra.set({ app: { redirectUris: [`${started.url}/callback/entra`] } })
    return started
  }

  const connect = async (visitor: string) => {
    await entra.set({ behaviour: { visitor } })
    return Connected.by(visitor, issuer.url)
  }
  /** Both clocks, as time passes for everybody. */
  const pass = async (by: number) => {
    issuer.advance(by)
    ahead += by
    await entra.set({ behaviour: { clockAhead: ahead } })
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

  describe('that demands more of somebody while their client refreshes (Conditional Access)', () => {
    const DAY = 86_400_000
    const waiting = () => issuer.store.count(CHALLENGE_KIND)
    /** The authorization requests that Entra has seen since the last look. */
    let looked = 0
    const begun = async () => {
      const all = (await entra.seen()).filter(({ path }) => path.endsWith('/authorize'))
      const fresh = all.slice(looked)
      looked = all.length
      return fresh.map(({ parameters }) => parameters)
    }
    const demand = async (conditionalAccess: 'second factor at refresh' | 'off', policy = 'policy-1') =>
      entra.set({ behaviour: { conditionalAccess, policy } })
    /** Connects somebody and has the next re-check demand more of them. */
    const challenged = async (visitor: string, policy?: string) => {
      const client = await connect(visitor)
      await demand('second factor at refresh', policy)
      await pass(INTERVAL)
      const { status, body } = await client.refresh()
      expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
      await begun()
    }
    beforeEach(() => {
      looked = 0
    })

    it('takes what it demands to their next sign-in, which then holds, with one consent', async () => {
      await challenged('ada')
      expect(await waiting()).to.equal(1)
      const again = await connect('ada')
      const [first, second, ...more] = await begun()
      expect([first?.claims, more]).to.deep.equal([undefined, []])
      expect(second?.claims).to.contain('polids')
      // So that the demand meets the person it is about, whoever else is signed in there.
      expect(second?.login_hint).to.equal('ada@contoso.com')
      expect([await waiting(), audited(issuer, 'consent.given').length]).to.deep.equal([0, 2])
      await pass(INTERVAL)
      expect((await again.refresh()).status).to.equal(200)
      await connect('ada')
      expect((await begun()).map(({ claims }) => claims)).to.deep.equal([undefined])
    })

    it('demands it of nobody else', async () => {
      await challenged('ada')
      await connect('grace')
      expect((await begun()).map(({ claims }) => claims)).to.deep.equal([undefined])
      expect(await waiting()).to.equal(1)
    })

    it('waits for a day, and not for ever', async () => {
      await challenged('ada')
      await pass(DAY)
      await connect('ada')
      expect((await begun()).map(({ claims }) => claims)).to.deep.equal([undefined])
    })

    it('is not met by whoever answers in their place, and sends a browser there once and no more', async () => {
      await challenged('ada')
      await demand('off')
      await challenged('grace', 'policy-2')
      // Ada begins, and at the second question Grace answers, of whom something else is demanded.
      await entra.set({ behaviour: { visitor: 'ada', visitorAsked: 'grace' } })
      await Connected.by('ada', issuer.url)
      expect((await begun()).map(({ claims }) => claims?.match(/policy-\d/)?.[0])).to.deep.equal([
        undefined,
        'policy-1',
      ])
      expect(await waiting()).to.equal(2)
    })

    it('keeps it sealed, under no name of theirs', async () => {
      await challenged('ada')
      const { records } = await issuer.store.list({ kind: CHALLENGE_KIND, limit: 10 })
      expect(records).to.have.length(1)
      expect(JSON.stringify(records)).not.to.match(/polids|policy-1|access_token/)
    })
  })

  it('tells of each of two credentials that ends within 30 days, in the log and in the metrics', async () => {
    const metrics = openMetrics()
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    await issuer.close()
    issuer = await start(
      {
        credentials: [
          { clientSecret: SECRET, expires: inDays(20) },
          { clientSecret: 'next~1', expires: inDays(25) },
        ],
      },
      { metrics },
    )
    await connect('ada')
    for (const [index, day] of [inDays(20), inDays(25)].entries()) {
      const series = `consulate_idp_warnings_total{idp="entra",code="credential_expires_${index}"}`
      expect(await reading(metrics, series)).to.equal(1)
      expect(JSON.stringify(issuer.logged)).to.contain(`(credentials[${index}]) ends on ${day}`)
    }
    expect(JSON.stringify(issuer.logged)).not.to.contain(SECRET)
  })

  for (const code of [65004, 50105, 90094]) {
    it(`answers a refusal of Entra with a page and a line in the log, and no code: AADSTS${code}`, async () => {
      await entra.set({ behaviour: { authorizeError: code } })
      const page = await approve(await openConsent(issuer.url, await register(issuer.url)))
      const row = AADSTS.find(({ codes }) => codes.includes(code))
      expect(page.status).to.equal(403)
      expect(page.html).to.include(row?.cause).and.to.include(row?.remedy.split(/[{']/)[0])
      const line = issuer.logged.find((each) => JSON.stringify(each).includes(`AADSTS${code}: `))
      expect(line).to.be.an('object')
      expect(JSON.stringify(issuer.logged)).not.to.contain(SECRET)
    })
  }
})
