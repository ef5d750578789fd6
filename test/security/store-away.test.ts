import { expect } from 'chai'
import { StoreUnavailable } from '../../src/store.ts'
import { createCipher } from '../../src/stores/cipher.ts'
import { markerRow } from '../../src/stores/move/marker.ts'
import { authorizationRequest, obtainTokens, postForm, refresh, register } from '../support/client.ts'
import { SECRET, startIssuer, type TestIssuer } from '../support/issuer.ts'
import { observed } from '../support/observed.ts'

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

describe('a store that does not answer', () => {
  let issuer: TestIssuer
  let away = false
  let failed = false
  let askedAgain: string[] = []

  before(async () => {
    issuer = await startIssuer({
      store: (store) =>
        observed(store, async (verb, kind) => {
          // What a server asks on its own account belongs to no request.
          if (!away || kind === 'Canary') return
          if (failed) askedAgain.push(verb)
          await pause(10)
          failed = true
          throw new StoreUnavailable('the engine is away')
        }),
    })
  })
  afterEach(() => {
    away = false
  })
  after(() => issuer.close())

  /** A request made while the store is away. */
  async function request(work: () => Promise<Response>): Promise<Response> {
    away = true
    failed = false
    askedAgain = []
    const response = await work()
    away = false
    return response
  }

  const endpoints: Readonly<Record<string, (clientId: string, token: string) => Promise<Response>>> = {
    'POST /register': () =>
      fetch(`${issuer.url}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ client_name: 'x', redirect_uris: ['http://localhost/cb'] }),
      }),
    'GET /authorize': (client_id) =>
      fetch(authorizationRequest(issuer.url, { client_id, redirect_uris: ['http://localhost/cb'] }).url, {
        redirect: 'manual',
      }),
    'POST /token': (client_id, refresh_token) =>
      form('/token', { grant_type: 'refresh_token', client_id, refresh_token }),
    'POST /revoke': (client_id, token) => form('/revoke', { client_id, token }),
    'GET /healthz': () => fetch(`${issuer.url}/healthz`),
  }
  const form = (path: string, fields: Record<string, string>) =>
    fetch(`${issuer.url}${path}`, { method: 'POST', body: new URLSearchParams(fields) })

  for (const [name, ask] of Object.entries(endpoints)) {
    it(`is not asked again by the ${name} that it failed, which answers 503`, async () => {
      const client = await register(issuer.url)
      const { refresh_token } = await obtainTokens(issuer.url, client)
      const response = await request(() => ask(client.client_id, refresh_token))
      expect(response.status).to.equal(503)
      expect(response.headers.get('retry-after')).to.match(/^\d+$/)
      expect(failed).to.equal(true)
      expect(askedAgain).to.deep.equal([])
      await postForm(`${issuer.url}/revoke`, { client_id: client.client_id, token: refresh_token })
    })
  }
})

describe('a store that takes long for each answer', () => {
  it('ends a request with 503 when all of them together take too long, and costs no token', async function () {
    this.timeout(30_000)
    let lag = 0
    const issuer = await startIssuer({ store: (store) => observed(store, () => pause(lag)) })
    const client = await register(issuer.url)
    const { refresh_token } = await obtainTokens(issuer.url, client)
    lag = 100
    const slow = await refresh<{ refresh_token: string }>(issuer.url, client, refresh_token)
    expect(slow.status).to.equal(200)
    lag = 1300
    const tooSlow = await refresh<{ error: string }>(issuer.url, client, slow.body.refresh_token)
    expect([tooSlow.status, tooSlow.body.error]).to.deep.equal([503, 'temporarily_unavailable'])
    lag = 0
    expect((await refresh(issuer.url, client, slow.body.refresh_token)).status).to.equal(200)
    await issuer.close()
  })
})

describe('a store that was filled half from an export', () => {
  it('is not served', async () => {
    const row = markerRow(createCipher(SECRET), { export: 'one', complete: false })
    const starting = startIssuer({
      store: (store) =>
        new Proxy(store, {
          get(target, name: string) {
            const verb = Reflect.get(target, name)
            if (name !== 'get') return typeof verb === 'function' ? verb.bind(target) : verb
            return async (kind: string, id: string) => (kind === 'Import' ? row : target.get(kind, id))
          },
        }),
    })
    const error = await starting.then(
      async (issuer) => issuer.close(),
      (reason: unknown) => reason as Error,
    )
    expect(error?.message).to.match(/^The import into this store was cut short/)
  })
})
