import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import type { StoreEngine } from '../../src/store.ts'
import {
  authorizationRequest,
  exchange,
  LOOPBACK_REDIRECT,
  postForm,
  refresh,
  register,
  signIn,
  type Tokens,
} from '../support/client.ts'
import { passTime } from '../support/clock.ts'
import { type CompanyIssuer, Connected, startCompanyIssuer } from '../support/company-issuer.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const CLIENT = 'https://app.example/client.json'

describe('a sign-in from which nothing is known any more', () => {
  const document = {
    client_id: CLIENT,
    client_name: 'An app',
    redirect_uris: [LOOPBACK_REDIRECT],
    token_endpoint_auth_method: 'none',
  }
  let set: CompanyIssuer
  let grantTypes: string[]
  let take: () => Promise<void>

  beforeEach(async () => {
    grantTypes = ['authorization_code']
    take = async () => undefined
    set = await startCompanyIssuer(
      {},
      {
        fetchForClients: async () =>
          Response.json({ ...document, grant_types: grantTypes }, { headers: { 'cache-control': 'max-age=1' } }),
        store: (engine) =>
          new Proxy(engine, {
            get(target, name: keyof StoreEngine) {
              const verb = target[name] as (...args: unknown[]) => unknown
              return async (...args: unknown[]) => {
                if (name === 'take' && args[0] === SECRET_KIND) await take()
                return verb.apply(target, args)
              }
            },
          }),
      },
    )
  })
  afterEach(() => set.stop())

  const kept = () => set.issuer.store.count(SECRET_KIND)

  /** By a client whose document allows refresh tokens only once the user is back: it is cached for half a minute. */
  async function connectedLate() {
    const { url } = set.issuer
    const request = authorizationRequest(url, document)
    const code = (await signIn(request, { texts: { login: 'ada' } })).searchParams.get('code') ?? ''
    expect(await kept()).to.equal(0)
    grantTypes.push('refresh_token')
    const restore = passTime(32_000)
    const { body } = await exchange<Tokens>(url, document, request, code).finally(restore)
    return body.refresh_token
  }

  it('counts for the grace when its client asks for refresh tokens only after it', async () => {
    const token = await connectedLate()
    expect([typeof token, await kept()]).to.deep.equal(['string', 1])
    const { issuer } = set
    issuer.advance(7.9 * HOUR)
    const { status, body } = await refresh<Tokens>(issuer.url, document, token)
    expect(status).to.equal(200)
    issuer.advance(0.2 * HOUR)
    expect((await refresh<Tokens>(issuer.url, document, body.refresh_token)).body).to.include({
      error: 'invalid_grant',
    })
  })

  it('does not begin again with a refresh token that lay about for weeks', async () => {
    const token = await connectedLate()
    for (const { id } of (await set.issuer.store.list({ kind: SECRET_KIND, limit: 9 })).records) {
      await set.issuer.store.delete(SECRET_KIND, id)
    }
    set.issuer.advance(25 * DAY)
    for (let use = 0; use < 2; use += 1) {
      expect((await refresh(set.issuer.url, document, token)).body).to.include({ error: 'invalid_grant' })
    }
    await Connected.by('ada', set.issuer.url)
    expect((await refresh(set.issuer.url, document, token)).status).to.equal(200)
  })

  it('is not what becomes of one that comes without a secret while the last grant before it ends', async () => {
    const { issuer, company } = set
    const client = await register(issuer.url)
    const first = await Connected.by('ada', issuer.url)
    let reached = () => {}
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      reached = resolve
    })
    take = () => {
      take = async () => undefined
      reached()
      return new Promise((resolve) => {
        release = resolve
      })
    }
    const revoked = postForm(`${issuer.url}/revoke`, {
      client_id: first.client.client_id,
      token: first.tokens.refresh_token,
    })
    await held
    company.gives.secret = false
    const request = authorizationRequest(issuer.url, client)
    await signIn(request, { texts: { login: 'ada' } })
    release()
    await revoked
    await sleep(200)
    expect([await kept(), await issuer.store.count('Grant')]).to.deep.equal([1, 1])
  })
})
