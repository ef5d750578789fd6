import { expect } from 'chai'
import { generateKeyPair, SignJWT } from 'jose'
import { Browser } from '../../src/demo/driver.ts'
import { StoreUnavailable } from '../../src/store.ts'
import {
  authorizationRequest,
  LOOPBACK_REDIRECT,
  obtainTokens,
  postForm,
  type Registered,
  refresh,
  register,
} from '../support/client.ts'
import { passTime } from '../support/clock.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const AWAY = new Response(null, { status: 503 })

describe('documents of clients', () => {
  let issuer: TestIssuer
  let restoreTime: (() => void) | undefined
  let storeAway = false
  let fetches = 0
  /** What every fetch waits for. */
  let held: Promise<void> | undefined
  /** What the web answers, by address. */
  const web = new Map<string, object | Response>()

  before(async () => {
    issuer = await startIssuer({
      config: (defaults) => ({ ...defaults, trustedProxies: ['127.0.0.1', '::1'] }),
      async fetchForClients(input) {
        fetches += 1
        // As slow as a host is, so that requests meet at one fetch.
        await new Promise((resolve) => setTimeout(resolve, 20))
        await held
        const answer = web.get(String(input))
        if (answer instanceof Response) return answer.clone()
        return answer ? Response.json(answer) : new Response(null, { status: 404 })
      },
      store: (store) =>
        new Proxy(store, {
          get(target, name: 'get') {
            const verb = target[name] as (...args: unknown[]) => Promise<unknown>
            return (...args: unknown[]) => {
              const [record] = args as [string | { kind?: string }]
              const kind = typeof record === 'string' ? record : record?.kind
              if (storeAway && kind === 'ClientDocument') throw new StoreUnavailable('the engine is away')
              return verb.apply(target, args)
            }
          },
        }),
    })
  })
  after(() => issuer.close())
  afterEach(() => {
    restoreTime?.()
    restoreTime = undefined
    storeAway = false
  })

  /** Past all that is kept in memory. */
  const later = (by: number) => {
    restoreTime?.()
    restoreTime = passTime(by)
  }

  let serial = 0
  function publish(changes: object = {}): Registered {
    serial += 1
    const client_id = `https://app.example/client-${serial}.json`
    const client = { client_id, client_name: 'Document client', redirect_uris: [LOOPBACK_REDIRECT] }
    web.set(client_id, { ...client, ...changes })
    return client
  }

  const errorOf = async (client: Registered, token = 'x') => {
    const { status, body } = await refresh<{ error?: string }>(issuer.url, client, token)
    return [status, body.error]
  }

  it('whose host is away are an outage for each of many requests that wait for one fetch', async () => {
    const client = publish()
    web.set(client.client_id, AWAY)
    const answers = await Promise.all(Array.from({ length: 5 }, () => errorOf(client)))
    expect(answers).to.deep.equal(Array.from({ length: 5 }, () => [503, 'temporarily_unavailable']))
  })

  it('that the store cannot answer for are an outage too', async () => {
    const client = publish()
    storeAway = true
    expect(await errorOf(client)).to.deep.equal([503, 'temporarily_unavailable'])
  })

  it('are taken from the store when their host is away, for as long as a client is used', async () => {
    const client = publish()
    const { refresh_token } = await obtainTokens(issuer.url, client)
    later(30 * HOUR)
    const { body } = await refresh(issuer.url, client, refresh_token)
    web.set(client.client_id, AWAY)
    later(20 * DAY)
    expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(200)
  })

  it('that nobody used are forgotten after two days', async () => {
    const client = publish()
    expect(await errorOf(client)).to.deep.equal([400, 'invalid_grant'])
    web.set(client.client_id, AWAY)
    later(40 * HOUR)
    expect(await errorOf(client)).to.deep.equal([400, 'invalid_grant'])
    later(3 * DAY)
    expect(await errorOf(client)).to.deep.equal([503, 'temporarily_unavailable'])
  })

  for (const [title, withdrawn] of [
    ['taken down', new Response(null, { status: 404 })],
    ['replaced by one of another client', { client_id: 'https://other.example/client.json' }],
    ['replaced by a page', new Response('<html>')],
    ['replaced by one without an end', new Response(JSON.stringify('x'.repeat(60_000)))],
  ] as const) {
    it(`that were ${title} do not come back when their host is away`, async () => {
      const client = publish()
      expect(await errorOf(client)).to.deep.equal([400, 'invalid_grant'])
      web.set(client.client_id, withdrawn)
      later(DAY + HOUR)
      expect((await errorOf(client))[1]).to.be.oneOf(['invalid_client', 'invalid_client_metadata'])
      web.set(client.client_id, AWAY)
      later(DAY + 2 * HOUR)
      expect(await errorOf(client)).to.deep.equal([503, 'temporarily_unavailable'])
    })
  }

  it('that cannot be used are not kept', async () => {
    const kept = await issuer.store.count('ClientDocument')
    for (const answer of [{ client_id: 'other' }, [], new Response('x'.repeat(60_000)), new Response('null')]) {
      const client = publish()
      web.set(client.client_id, answer)
      await errorOf(client)
    }
    expect(await issuer.store.count('ClientDocument')).to.equal(kept)
  })

  it('are an outage, too, for a page that is open when their host goes away', async () => {
    const client = publish()
    const browser = new Browser({})
    const { page } = await browser.open(authorizationRequest(issuer.url, client).url)
    web.set(client.client_id, AWAY)
    const { records } = await issuer.store.list({ kind: 'ClientDocument', limit: 1000 })
    for (const { id } of records) await issuer.store.delete('ClientDocument', id)
    later(5 * 60_000)
    expect((await browser.open(page?.url ?? '')).page?.status).to.equal(503)
  })

  it('are an outage for each of many assertions that wait for one key set', async () => {
    const jwks_uri = 'https://app.example/jwks.json'
    const { privateKey } = await generateKeyPair('RS256')
    const { client_id } = await register(issuer.url, { token_endpoint_auth_method: 'private_key_jwt', jwks_uri })
    web.set(jwks_uri, AWAY)
    const ask = async () => {
      const client_assertion = await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'RS256' })
        .setIssuer(client_id)
        .setSubject(client_id)
        .setAudience(issuer.url)
        .setExpirationTime('1m')
        .sign(privateKey)
      const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
      const form = { token: 'x', client_id, client_assertion_type, client_assertion }
      return (await postForm(`${issuer.url}/revoke`, form)).status
    }
    expect(await Promise.all([ask(), ask(), ask()])).to.deep.equal([503, 503, 503])
  })

  for (const [title, answer] of [
    ['that does not exist', undefined],
    ['that cannot be used', { client_id: 'other' }],
  ] as const) {
    it(`are not asked for again and again at an address ${title}`, async () => {
      const client = publish()
      if (answer) web.set(client.client_id, answer)
      else web.delete(client.client_id)
      const before = fetches
      for (let i = 0; i < 3; i += 1) await errorOf(client)
      expect(fetches - before).to.equal(1)
    })
  }

  it('are fetched ten at a time at most, and the others are asked to come back', async () => {
    const before = fetches
    let release = () => {}
    held = new Promise((resolve) => {
      release = resolve
    })
    let turnedAway = 0
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const [status] = await errorOf(publish())
        if (status === 503) turnedAway += 1
        // The fetches go on when everybody else has an answer.
        if (turnedAway === 20) release()
        return status
      }),
    )
    expect(fetches - before).to.equal(10)
    expect(answers.filter((status) => status === 400)).to.have.length(10)
  })

  it('are fetched sixty times a minute for one network, which still reaches the ones that were fetched before', async () => {
    const known = publish()
    await errorOf(known)
    later(DAY)
    const before = fetches
    const from = (host: number, client: Registered) =>
      postForm(
        `${issuer.url}/revoke`,
        { token: 'x', client_id: client.client_id },
        { 'x-forwarded-for': `2001:db8::${host.toString(16)}` },
      )
    for (let i = 0; i < 70; i += 1) await from(i, publish())
    expect(fetches - before).to.equal(60)
    const fresh = await from(71, publish())
    expect([fresh.status, fresh.body.error]).to.deep.equal([503, 'temporarily_unavailable'])
    expect(fresh.headers.get('retry-after')).to.match(/^\d+$/)
    const again = await from(72, known)
    expect([again.status, again.headers.get('retry-after')]).to.deep.equal([200, null])
  })
})
