import { expect } from 'chai'
import {
  authorizationRequest,
  exchange,
  obtainTokens,
  postForm,
  type Registered,
  refresh,
  register,
  signIn,
  type Tokens,
} from '../support/client.ts'
import { sharedEngine } from '../support/mongo.ts'
import { leaveOutMongo } from '../support/needs-mongo.ts'
import { embeddedData, mongoData, type Replicas, type SharedData, startReplicas } from '../support/replicas.ts'

const REPLICAS = 3

for (const [engine, open] of Object.entries({
  'the embedded store': () => embeddedData(),
  MongoDB: async () => {
    const found = await sharedEngine()
    return found && mongoData(found)
  },
} satisfies Record<string, () => Promise<SharedData | undefined>>)) {
  describe(`${REPLICAS} replicas on ${engine}`, function () {
    this.timeout(60_000)
    let replicas: Replicas
    let client: Registered

    before(async function () {
      const data = await open()
      if (!data) leaveOutMongo(this)
      replicas = await startReplicas(REPLICAS, data)
    })
    after(() => replicas?.close())

    beforeEach(async () => {
      replicas.pin(undefined)
      client = await register(replicas.url)
    })

    /** What each replica answers to the same request. */
    async function onEach<T>(request: () => Promise<T>): Promise<T[]> {
      const answers: T[] = []
      for (let n = 0; n < REPLICAS; n++) {
        replicas.pin(n)
        answers.push(await request())
      }
      replicas.pin(undefined)
      return answers
    }
    const statuses = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status)

    it('carry a whole journey, each request on another one', async () => {
      const before = [...replicas.answered]
      const tokens = await obtainTokens(replicas.url, client)
      const refreshed = await refresh(replicas.url, client, tokens.refresh_token)
      expect(refreshed.status).to.equal(200)
      const revoked = await postForm(`${replicas.url}/revoke`, {
        client_id: client.client_id,
        token: refreshed.body.refresh_token,
      })
      expect(revoked.status).to.equal(200)
      for (const [index, count] of replicas.answered.entries()) expect(count).to.be.above(before[index] ?? 0)
      const after = await onEach(() => refresh(replicas.url, client, refreshed.body.refresh_token))
      expect(statuses(after)).to.deep.equal([400, 400, 400])
    })

    it('publish the same keys and metadata, and verify what another one signed', async () => {
      const { access_token } = await obtainTokens(replicas.url, client)
      for (const path of ['/jwks', '/.well-known/oauth-authorization-server']) {
        const texts = await onEach(async () => (await fetch(`${replicas.url}${path}`)).text())
        expect(new Set(texts).size).to.equal(1)
      }
      const introspected = await onEach(() =>
        postForm(`${replicas.url}/introspect`, {
          token: access_token,
          client_id: 'demo-server',
          client_secret: 'demo-server-secret-of-32-characters-or-more',
        }),
      )
      for (const { body } of introspected) expect(body.active).to.equal(true)
    })

    it('give a code to one of many exchanges that reach all of them at once', async () => {
      const request = authorizationRequest(replicas.url, client)
      const code = (await signIn(request)).searchParams.get('code') ?? ''
      const answers = await Promise.all(Array.from({ length: 30 }, () => exchange(replicas.url, client, request, code)))
      expect(statuses(answers).filter((status) => status === 200)).to.have.length(1)
      expect(statuses(answers).filter((status) => status === 400)).to.have.length(29)
    })

    it('let a refresh token be used twice within the window, whichever of them is asked', async () => {
      const { refresh_token } = await obtainTokens(replicas.url, client)
      const answers = await Promise.all(Array.from({ length: 30 }, () => refresh(replicas.url, client, refresh_token)))
      const good = answers.filter(({ status }) => status === 200)
      expect(good).to.have.length(2)
      for (const { body } of good) {
        expect(Object.keys(body).sort()).to.deep.equal(Object.keys(good[0]?.body ?? {}).sort())
        expect((await refresh(replicas.url, client, body.refresh_token)).status).to.equal(200)
      }
    })

    it('end the family on all of them when a token comes back after the window', async () => {
      const first = await obtainTokens(replicas.url, client)
      replicas.pin(0)
      const second = await refresh(replicas.url, client, first.refresh_token)
      replicas.advance(61_000)
      replicas.pin(1)
      expect((await refresh(replicas.url, client, first.refresh_token)).status).to.equal(400)
      const after = await onEach(() => refresh(replicas.url, client, second.body.refresh_token))
      expect(statuses(after)).to.deep.equal([400, 400, 400])
    })

    it('give nothing that lasts to refreshes that meet the end of their grant', async () => {
      for (let round = 0; round < 5; round++) {
        const tokens = await obtainTokens(replicas.url, client)
        const [, ...answers] = await Promise.all([
          postForm(`${replicas.url}/revoke`, { client_id: client.client_id, token: tokens.refresh_token }),
          ...[0, 1].map(() => refresh<Tokens & { error?: string }>(replicas.url, client, tokens.refresh_token)),
        ])
        for (const { status, body } of answers) {
          if (status !== 200) expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
          else expect((await refresh(replicas.url, client, body.refresh_token)).status).to.equal(400)
        }
      }
    })

    it('know of a revoked grant at once', async () => {
      const tokens = await obtainTokens(replicas.url, client)
      replicas.pin(2)
      await postForm(`${replicas.url}/revoke`, { client_id: client.client_id, token: tokens.refresh_token })
      const after = await onEach(() => refresh(replicas.url, client, tokens.refresh_token))
      expect(statuses(after)).to.deep.equal([400, 400, 400])
    })
  })
}
