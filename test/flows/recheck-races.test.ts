import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { type StoreEngine, StoreUnavailable } from '../../src/store.ts'
import { withSeal } from '../stores/support.ts'
import { Company } from '../support/company.ts'
import { audited, type CompanyIssuer, Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'
import { SECRET } from '../support/issuer.ts'
import { sharedEngine } from '../support/mongo.ts'
import { leaveOutMongo } from '../support/needs-mongo.ts'
import { embeddedData, mongoData, type Replicas, type SharedData, startReplicas } from '../support/replicas.ts'

for (const [engine, open] of Object.entries({
  'the embedded store': () => embeddedData(),
  MongoDB: async () => {
    const found = await sharedEngine()
    return found && mongoData(found)
  },
} satisfies Record<string, () => Promise<SharedData | undefined>>)) {
  describe(`two replicas on ${engine}`, function () {
    this.timeout(60_000)
    let company: Company
    let replicas: Replicas

    before(async function () {
      const data = await open()
      if (!data) leaveOutMongo(this)
      company = await Company.start()
      replicas = await startReplicas(2, data, {
        adapters: [company.adapter()],
        config: (defaults) => ({ ...defaults, idps: [{ id: 'company', type: 'company', name: 'The Company' }] }),
      })
    })
    after(async () => {
      await replicas?.close()
      await company?.stop()
    })

    it('ask about a user once, and both know the answer', async () => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => Connected.by('ada', replicas.url)))
      // The IdP takes each of its refresh tokens once, so asking twice would end the access.
      for (let round = 1; round <= 3; round += 1) {
        replicas.advance(INTERVAL)
        const answers = await Promise.all(clients.map((client) => client.refresh()))
        expect(answers.map(({ status }) => status)).to.deep.equal(clients.map(() => 200))
        expect(company.asked).to.have.length(round)
      }
      expect(replicas.answered.every((count) => count > 10)).to.equal(true)
    })

    it('both refuse the user that one of them was told about', async () => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => Connected.by('grace', replicas.url)))
      company.people.delete('grace')
      replicas.advance(INTERVAL)
      const answers = await Promise.all(clients.map((client) => client.refresh()))
      expect(answers.map(({ body }) => body.error)).to.deep.equal(clients.map(() => 'invalid_grant'))
    })
  })
}

describe('what happens while the IdP is asked', () => {
  let set: CompanyIssuer
  let failing = (_verb: string, _kind: unknown) => false

  beforeEach(async () => {
    failing = () => false
    set = await startCompanyIssuer(
      {},
      {
        store: (engine) =>
          new Proxy(engine, {
            get(target, name: keyof StoreEngine) {
              const verb = target[name] as (...args: unknown[]) => unknown
              return async (...args: unknown[]) => {
                if (failing(name, args[0])) throw new StoreUnavailable('the engine is away')
                return verb.apply(target, args)
              }
            },
          }),
      },
    )
  })
  afterEach(() => set.stop())

  /** Begins a re-check whose answer waits until it is released. */
  async function held(client: Connected) {
    const { company, issuer } = set
    let release = () => {}
    company.hold = new Promise<void>((resolve) => {
      release = resolve
    })
    issuer.advance(INTERVAL)
    const answer = client.refresh()
    for (let look = 0; look < 500 && company.asked.length === 0; look += 1) await sleep(5)
    company.hold = undefined
    return { answer, release }
  }

  it('a new sign-in is not ended by a refusal of the one before', async () => {
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const { answer, release } = await held(client)
    const again = await Connected.by('ada', issuer.url)
    const ada = company.people.get('ada')
    company.people.delete('ada')
    release()
    expect((await answer).status).to.equal(200)
    if (ada) company.people.set('ada', ada)
    issuer.advance(INTERVAL)
    // With the secret of the new sign-in.
    expect((await again.refresh()).status).to.equal(200)
    expect(company.asked).to.have.length(2)
  })

  it('others of this process wait for the same answer, without looking into the store for it', async () => {
    const { issuer, company } = set
    const clients = await Promise.all(Array.from({ length: 5 }, () => Connected.by('ada', issuer.url)))
    let reads = 0
    failing = (verb, kind) => {
      if (verb === 'get' && kind === SECRET_KIND) reads += 1
      return false
    }
    const [first, ...others] = clients
    if (!first) throw new Error('no client')
    const { answer, release } = await held(first)
    const answers = others.map((client) => client.refresh())
    await sleep(500)
    release()
    for (const { status } of await Promise.all([answer, ...answers])) expect(status).to.equal(200)
    expect([company.asked.length, reads]).to.deep.equal([1, clients.length])
  })

  it('an answer that comes too late for the request is still the one that counts', async function () {
    this.timeout(20_000)
    const { issuer } = set
    const client = await Connected.by('ada', issuer.url)
    const { answer, release } = await held(client)
    expect((await answer).status).to.equal(200)
    release()
    await sleep(500)
    // It held the only upstream secret that the IdP takes from now on.
    issuer.advance(INTERVAL)
    expect((await client.refresh()).status).to.equal(200)
    expect(set.company.asked).to.have.length(2)
  })

  it('also when it ends the access, which the audit log then tells with the reason', async function () {
    this.timeout(20_000)
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const { answer, release } = await held(client)
    expect((await answer).status).to.equal(200)
    company.people.delete('ada')
    release()
    await sleep(500)
    expect(audited(issuer, 'recheck.ended')).to.have.length(1)
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
  })

  it('also when it is a failure that comes too late, with a renewed secret', async function () {
    this.timeout(20_000)
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const { answer, release } = await held(client)
    expect((await answer).status).to.equal(200)
    company.mode = 'half'
    release()
    await sleep(500)
    company.mode = 'up'
    issuer.advance(INTERVAL)
    expect((await client.refresh()).status).to.equal(200)
    expect(company.asked).to.deep.equal(['ada', 'ada'])
  })

  it('a store that fails costs nobody a token, wherever it fails', async function () {
    this.timeout(60_000)
    const { issuer, company } = set
    const client = await Connected.by('ada', issuer.url)
    const seen: string[] = []
    for (let nth = 1; nth < 20; nth += 1) {
      issuer.advance(INTERVAL)
      let count = 0
      failing = (verb, kind) => {
        if (kind !== SECRET_KIND) return false
        count += 1
        if (count === nth) seen.push(verb)
        return count === nth
      }
      const { status, body } = await client.refresh()
      const reached = count >= nth
      failing = () => false
      if (!reached) break
      expect([nth, status, body.error]).to.deep.equal([nth, 503, 'temporarily_unavailable'])
      // The same token, and for the IdP the secret that it gave out last.
      expect([nth, (await client.refresh()).status]).to.deep.equal([nth, 200])
    }
    expect(seen).to.deep.equal(['get', 'swap', 'swap'])
    expect(company.asked.every((login) => login === 'ada')).to.equal(true)
  })

  it('a refusal whose grants cannot be ended yet is not forgotten', async () => {
    const { issuer, company } = set
    const clients = [await Connected.by('ada', issuer.url), await Connected.by('ada', issuer.url)]
    const ada = company.people.get('ada')
    company.people.delete('ada')
    issuer.advance(INTERVAL)
    failing = (verb, kind) => verb === 'delete' && kind === 'Grant'
    for (const client of clients) expect((await client.refresh()).status).to.equal(503)
    failing = () => false
    // Nobody needs it any more.
    const kept = await (await withSeal(issuer.store, SECRET)).get(SECRET_KIND, clients[0]?.claims.sub ?? '')
    expect(kept?.payload).to.include('"ended":"denied"').and.not.include('upstream-secret-')
    if (ada) company.people.set('ada', ada)
    for (const client of clients) expect((await client.refresh()).body.error).to.equal('invalid_grant')
    expect([await issuer.store.count('Grant'), await issuer.store.count(SECRET_KIND)]).to.deep.equal([0, 0])
  })
})
