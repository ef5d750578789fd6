import { expect } from 'chai'
import { StoreUnavailable } from '../../src/store.ts'
import { obtainTokens, postForm, type Registered, refresh, register } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { observed } from '../support/observed.ts'

const WINDOW_SECONDS = 5

describe('a revocation that the store fails', () => {
  let issuer: TestIssuer
  let client: Registered
  /** Spent, with one use left. */
  let old: string
  /** What came of the first use of the old one, and of the second. */
  let branches: string[]
  /** Whether a verb fails, given the kind of record if it is told one. */
  let fails: (verb: string, kind: unknown) => boolean

  beforeEach(async () => {
    fails = () => false
    issuer = await startIssuer({
      store: (store) =>
        observed(store, async (verb, kind) => {
          if (fails(verb, kind)) throw new StoreUnavailable('the engine is away')
        }),
      config: (defaults) => ({ ...defaults, tokens: { ...defaults.tokens, refreshReuseSeconds: WINDOW_SECONDS } }),
    })
    client = await register(issuer.url)
    old = (await obtainTokens(issuer.url, client)).refresh_token
    branches = []
    for (let use = 0; use < 2; use++) branches.push((await refresh(issuer.url, client, old)).body.refresh_token)
  })
  afterEach(() => issuer.close())

  const revoke = (token: string) => postForm(`${issuer.url}/revoke`, { client_id: client.client_id, token })

  async function isOver(): Promise<void> {
    for (const token of branches) expect((await refresh(issuer.url, client, token)).status).to.equal(400)
  }

  it('ends the grant when the client asks again (RFC 7009 section 2.2.1)', async () => {
    fails = (verb, kind) => verb === 'deleteGrant' || (verb === 'delete' && kind === 'Grant')
    const failed = await revoke(branches[0] ?? '')
    expect([failed.status, failed.headers.has('retry-after')]).to.deep.equal([503, true])
    fails = () => false
    expect((await revoke(branches[0] ?? '')).status).to.equal(200)
    await isOver()
  })

  it('ends the family when the token of a thief comes again', async () => {
    issuer.advance(WINDOW_SECONDS * 1000)
    fails = (verb, kind) => verb === 'deleteGrant' || (verb === 'delete' && kind === 'Grant')
    expect((await refresh(issuer.url, client, old)).status).to.equal(503)
    fails = () => false
    expect((await refresh(issuer.url, client, old)).status).to.equal(400)
    await isOver()
  })

  it('is done when the grant is gone, whatever else stays', async () => {
    fails = (verb) => verb === 'deleteGrant'
    expect((await revoke(branches[0] ?? '')).status).to.equal(200)
    fails = () => false
    expect(await issuer.store.count('RefreshToken')).to.equal(3)
    await isOver()
  })

  it('leaves no record of the grant when it succeeds', async () => {
    expect((await revoke(branches[1] ?? '')).status).to.equal(200)
    for (const kind of ['Grant', 'RefreshToken', 'AuthorizationCode']) {
      expect(await issuer.store.count(kind), kind).to.equal(0)
    }
  })
})
