import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openMetrics } from '../../src/observe/metrics.ts'
import type { Mode } from '../support/company.ts'
import { audited, type CompanyIssuer, Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'
import { reading } from '../support/metrics.ts'

const GRACE = 28_800_000
const BACK_OFF = 30_000

describe('an IdP that gives no answer about a user', () => {
  let set: CompanyIssuer
  let metrics: ReturnType<typeof openMetrics>

  beforeEach(async () => {
    metrics = openMetrics()
    set = await startCompanyIssuer({}, { metrics })
  })
  afterEach(() => set.stop())

  const rechecks = (result: string) => reading(metrics, `consulate_rechecks_total{idp="company",result="${result}"}`)

  const silences: Readonly<Record<string, readonly [mode: Mode, result: string]>> = {
    'closes the connection': ['down', 'unavailable'],
    'answers 500': ['error', 'unavailable'],
    'answers a page': ['html', 'invalid'],
    'answers half a document': ['cut', 'invalid'],
    'names nobody': ['empty', 'invalid'],
  }
  for (const [what, [mode, result]] of Object.entries(silences)) {
    it(`and ${what} does not end the access, and is not asked at each use`, async () => {
      const { issuer, company } = set
      const client = await Connected.by('ada', issuer.url)
      issuer.advance(INTERVAL)
      company.mode = mode
      for (let use = 0; use < 3; use += 1) expect((await client.refresh()).status).to.equal(200)
      expect(company.asked).to.have.length(1)
      expect(client.claims.name).to.equal('Ada Lovelace')
      expect(await rechecks(result)).to.equal(1)
      expect(await reading(metrics, 'consulate_grace_refreshes_total{idp="company"}')).to.equal(3)
      expect(audited(issuer, 'recheck.in_grace')).to.have.length(3)
      expect(audited(issuer, 'recheck.unanswered')[0]).to.include({
        idp: 'company',
        account: client.claims.sub,
        reason: result,
      })
      issuer.advance(BACK_OFF)
      await client.refresh()
      expect(company.asked).to.have.length(2)
    })
  }

  it('and has renewed the upstream secret before it failed does not end the access', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    for (const mode of ['half', 'half', 'up', 'up'] as const) {
      company.mode = mode
      issuer.advance(INTERVAL)
      expect((await client.refresh()).status).to.equal(200)
    }
    expect(company.asked).to.deep.equal(['ada', 'ada', 'ada', 'ada'])
    expect([await rechecks('unavailable'), await rechecks('passed')]).to.deep.equal([2, 2])
    expect(company.secrets.some((secret) => JSON.stringify(issuer.logged).includes(secret))).to.equal(false)
  })

  it('and takes 30 seconds costs one refresh a few of them, and other users nothing', async function () {
    this.timeout(20_000)
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    issuer.advance(INTERVAL - 1000)
    const other = await Connected.by('grace', issuer.url)
    issuer.advance(1000)
    company.mode = 'slow'
    const waiting = client.refresh()
    let answered = false
    void waiting.then(() => {
      answered = true
    })
    for (let use = 0; use < 20; use += 1) expect((await other.refresh()).status).to.equal(200)
    expect(answered).to.equal(false)
    expect((await waiting).status).to.equal(200)
    expect(await rechecks('timeout')).to.equal(1)
    expect((await client.refresh()).status).to.equal(200)
    expect(company.asked).to.deep.equal(['ada'])
  })

  it('is told of for each refresh that goes on, also when several wait for the same answer', async () => {
    const { issuer, company } = set
    const clients = await Promise.all(Array.from({ length: 4 }, () => Connected.by('ada', issuer.url)))
    issuer.advance(INTERVAL)
    company.mode = 'error'
    await Promise.all(clients.map((client) => client.refresh()))
    expect(company.asked).to.have.length(1)
    const account = clients[0]?.claims.sub
    for (const line of audited(issuer, 'recheck.in_grace')) expect(line).to.include({ idp: 'company', account })
    expect(audited(issuer, 'recheck.in_grace')).to.have.length(4)
    expect(await reading(metrics, 'consulate_grace_refreshes_total{idp="company"}')).to.equal(4)
  })

  it('is left alone after three silences, until one user tries again, also beyond the grace', async () => {
    const { issuer, company } = set
    const people = ['ada', 'grace', 'joan', 'mary', 'edith']
    for (const login of people) company.people.set(login, { name: login, groups: [] })
    const clients = await Promise.all(people.map((login) => Connected.by(login, issuer.url)))
    issuer.advance(INTERVAL)
    company.mode = 'down'
    for (const client of clients) expect((await client.refresh()).status).to.equal(200)
    expect(company.asked).to.deep.equal(people.slice(0, 3))
    expect(await rechecks('skipped')).to.equal(2)
    company.mode = 'up'
    issuer.advance(BACK_OFF)
    for (const client of clients) expect((await client.refresh()).status).to.equal(200)
    expect(company.asked).to.have.members([...people.slice(0, 3), ...people])
    company.mode = 'down'
    issuer.advance(GRACE)
    for (const client of clients) expect((await client.refresh()).body.error).to.equal('invalid_grant')
    expect(company.asked).to.have.length(3 + 5 + 3)
  })

  it('is asked about fifty users at once, and about the others at their next use', async () => {
    const { issuer, company } = set
    const people = Array.from({ length: 52 }, (_, number) => `user-${number}`)
    for (const login of people) company.people.set(login, { name: login, groups: [] })
    const clients: Connected[] = []
    for (const login of people) clients.push(await Connected.by(login, issuer.url))
    issuer.advance(INTERVAL)
    let release = () => {}
    company.hold = new Promise<void>((resolve) => {
      release = resolve
    })
    const answers = clients.map((client) => client.refresh())
    for (let look = 0; look < 500 && (await rechecks('skipped')) !== 2; look += 1) await sleep(5)
    release()
    for (const { status } of await Promise.all(answers)) expect(status).to.equal(200)
    expect([company.asked.length, await rechecks('skipped')]).to.deep.equal([50, 2])
    for (const client of clients) expect((await client.refresh()).status).to.equal(200)
    expect([new Set(company.asked).size, company.asked.length]).to.deep.equal([52, 52])
  })

  it('about three users, and one about others, is left alone for none of them', async () => {
    const { issuer, company } = set
    const people = ['ada', 'grace', 'joan', 'mary']
    for (const login of people) company.people.set(login, { name: login, groups: [] })
    const clients = await Promise.all(people.map((login) => Connected.by(login, issuer.url)))
    issuer.advance(INTERVAL)
    for (const login of people) Object.assign(company.people.get(login) ?? {}, { limited: login !== 'mary' })
    for (const client of clients) expect((await client.refresh()).status).to.equal(200)
    expect(company.asked).to.deep.equal(people)
    expect([await rechecks('unavailable'), await rechecks('passed')]).to.deep.equal([3, 1])
    expect(await rechecks('skipped')).to.equal(undefined)
  })

  it('about somebody who keeps it from answering lets them go on for the grace and no longer', async () => {
    const { issuer, company } = set
    const [client, other] = [await Connected.by('ada', issuer.url), await Connected.by('grace', issuer.url)]
    Object.assign(company.people.get('ada') ?? {}, { limited: true })
    for (let passed = INTERVAL; passed < GRACE; passed += INTERVAL) {
      issuer.advance(INTERVAL)
      expect((await client.refresh()).status).to.equal(200)
      expect((await other.refresh()).status).to.equal(200)
    }
    issuer.advance(INTERVAL)
    const before = company.asked.length
    for (let use = 0; use < 3; use += 1) expect((await client.refresh()).body.error).to.equal('invalid_grant')
    expect(company.asked.length - before).to.equal(1)
    expect((await other.refresh()).status).to.equal(200)
    // Nor does a new sign-in help, since the IdP does not vouch for them there either.
    await Connected.by('ada', issuer.url).then(
      () => expect.fail('signed in'),
      () => undefined,
    )
  })

  it('ends the access when the grace is over, and gives it back with the first good answer', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    company.mode = 'down'
    for (let passed = INTERVAL; passed < GRACE; passed += INTERVAL) {
      issuer.advance(INTERVAL)
      expect((await client.refresh()).status).to.equal(200)
    }
    issuer.advance(INTERVAL)
    const before = company.asked.length
    for (let use = 0; use < 3; use += 1) {
      const { status, body } = await client.refresh()
      expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
    }
    expect(audited(issuer, 'recheck.grace_over')[0]).to.include({ idp: 'company', account: client.claims.sub })
    // Not at each use, and not after the long pause that it had come to.
    expect(company.asked.length - before).to.equal(1)
    company.mode = 'up'
    issuer.advance(BACK_OFF)
    // The token was not spent.
    expect((await client.refresh()).status).to.equal(200)
  })

  it('ends it sooner, or at once, where that is configured', async () => {
    const strict = await startCompanyIssuer({ graceSeconds: 0 })
    const client = await Connected.by('ada', strict.issuer.url)
    strict.company.mode = 'down'
    expect((await client.refresh()).status).to.equal(200)
    strict.issuer.advance(INTERVAL)
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
    strict.company.mode = 'up'
    strict.issuer.advance(BACK_OFF)
    expect((await client.refresh()).status).to.equal(200)
    await strict.stop()
  })

  it('or speaks of somebody else is not believed', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    company.people.set('ada', { name: 'Mallory', groups: ['admins'], becomes: 'mallory' })
    issuer.advance(INTERVAL)
    expect((await client.refresh()).status).to.equal(200)
    expect(client.claims).to.deep.include({ name: 'Ada Lovelace', groups: ['engineering'] })
    expect(await rechecks('invalid')).to.equal(1)
  })
})
