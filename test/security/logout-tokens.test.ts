import { expect } from 'chai'
import { type StoreEngine, StoreUnavailable } from '../../src/store.ts'
import type { Changes } from '../support/company.ts'
import { type CompanyIssuer, Connected, startCompanyIssuer } from '../support/company-issuer.ts'

describe('a logout token', () => {
  let set: CompanyIssuer
  let failing = (_verb: string) => false

  beforeEach(async () => {
    failing = () => false
    set = await startCompanyIssuer(
      {},
      {
        config: (defaults) => ({ ...defaults, limits: { logout: 20 } }),
        store: (engine) =>
          new Proxy(engine, {
            get(target, name: keyof StoreEngine) {
              const verb = target[name] as (...args: unknown[]) => unknown
              return async (...args: unknown[]) => {
                if (failing(name)) throw new StoreUnavailable('the engine is away')
                return verb.apply(target, args)
              }
            },
          }),
      },
    )
  })
  afterEach(() => set.stop())

  const post = (token: string) => {
    const body = new URLSearchParams({ logout_token: token })
    return fetch(`${set.issuer.url}/backchannel-logout/company`, { method: 'POST', body })
  }
  const tokenOf = (changes: Changes = {}) => set.company.logoutToken({ sub: 'ada', ...changes })

  it('is good once, so nobody who saw it can end the sessions that come later', async () => {
    const token = await tokenOf()
    expect((await post(token)).status).to.equal(200)
    const client = await Connected.by('ada', set.issuer.url)
    for (let again = 0; again < 3; again += 1) expect((await post(token)).status).to.equal(400)
    // Another one with the same id is the same.
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect((await post(await tokenOf({ jti }))).status).to.equal(400)
    expect((await client.refresh()).status).to.equal(200)
  })

  it('that meets a store that is away is answered 503, and may be sent again until it has worked', async () => {
    const token = await tokenOf()
    const client = await Connected.by('ada', set.issuer.url)
    for (const broken of ['put', 'list', 'delete', 'take', 'consume']) {
      failing = (verb) => verb === broken
      const answer = await post(token)
      expect([broken, answer.status, answer.headers.get('cache-control')]).to.deep.equal([broken, 503, 'no-store'])
      expect(answer.headers.get('retry-after')).to.match(/^\d+$/)
      expect(await answer.json()).to.include({ error: 'temporarily_unavailable' })
    }
    failing = () => false
    expect((await post(token)).status).to.equal(200)
    expect((await client.refresh()).body.error).to.equal('invalid_grant')
    expect((await post(token)).status).to.equal(400)
  })

  it('that cannot be checked, because the keys of the IdP cannot be fetched, is no bad one', async () => {
    const token = await tokenOf()
    set.company.mode = 'down'
    const early = await post(token)
    expect(early.status).to.equal(400)
    expect(await early.json()).to.include({ error: 'temporarily_unavailable' })
    set.company.mode = 'up'
    expect((await post(token)).status).to.equal(200)
  })

  it('is one of a bounded number in a minute', async () => {
    const statuses: number[] = []
    for (let count = 0; count < 25; count += 1) statuses.push((await post('garbage')).status)
    expect(statuses.slice(0, 20).every((status) => status === 400)).to.equal(true)
    expect(statuses.slice(20).every((status) => status === 429)).to.equal(true)
  })
})
