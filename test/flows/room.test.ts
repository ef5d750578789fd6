import { expect } from 'chai'
import { ConfigError } from '../../src/config/load.ts'
import { authorizationRequest, obtainTokens, postJson, refresh, register } from '../support/client.ts'
import { startIssuer } from '../support/issuer.ts'

describe('registration', () => {
  it('is 503 beyond the limit, until unused clients can make room', async () => {
    const full = await startIssuer({
      config: (defaults) => ({
        ...defaults,
        registration: { maxClients: 2 },
        // Shorter than an unused client is kept: the one in use is told apart by its grant alone.
        tokens: { grantSeconds: 7200, refreshTokenSeconds: 3600 },
      }),
    })
    const first = await register(full.url)
    const second = await register(full.url)
    const { status, headers, body } = await postJson(`${full.url}/register`, { redirect_uris: ['https://a.example/'] })
    expect([status, body.error]).to.deep.equal([503, 'temporarily_unavailable'])
    expect(headers.get('retry-after')).to.match(/^\d+$/)
    const { refresh_token } = await obtainTokens(full.url, first)
    // Later the one that was never used makes room, and the one in use stays.
    full.advance(20 * 60_000)
    const third = await register(full.url)
    const kept = await refresh(full.url, first, refresh_token)
    const dropped = await fetch(authorizationRequest(full.url, second).url, { redirect: 'manual' })
    const open = await fetch(authorizationRequest(full.url, third).url, { redirect: 'manual' })
    await full.close()
    expect([kept.status, dropped.status, open.status]).to.deep.equal([200, 400, 303])
  })

  it('drops no client that is in use because one of its grants is damaged', async () => {
    const full = await startIssuer({
      config: (defaults) => ({
        ...defaults,
        registration: { maxClients: 1 },
        tokens: { grantSeconds: 7200, refreshTokenSeconds: 3600 },
      }),
    })
    const client = await register(full.url)
    for (let grant = 0; grant < 2; grant += 1) await obtainTokens(full.url, client)
    const [row] = (await full.store.list({ kind: 'Grant', limit: 1 })).records
    if (row) await full.store.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'update')
    full.advance(20 * 60_000)
    const { status } = await postJson(`${full.url}/register`, { redirect_uris: ['https://a.example/'] })
    await full.close()
    expect(status).to.equal(503)
  })
})

describe('an issuer that another program embeds', () => {
  it('is held to the same rules', async () => {
    const outcome = await startIssuer({
      config: (defaults) => ({ ...defaults, development: false, secret: 'short' }),
    }).catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(ConfigError)
    const paths = (outcome as ConfigError).problems.map(({ path }) => path)
    expect(paths).to.include('secret').and.to.include('idps[0].type')
  })
})
