import { expect } from 'chai'
import { walk } from '../../src/demo/driver.ts'
import {
  authorizationRequest,
  browserFor,
  exchange,
  obtainTokens,
  type Registered,
  refresh,
  register,
  signIn,
} from '../support/client.ts'
import { type IssuerProcess, issuerProcess } from '../support/process.ts'

describe('a restart', function () {
  this.timeout(120_000)
  let issuer: IssuerProcess
  let client: Registered

  before(async () => {
    issuer = await issuerProcess()
    await issuer.start()
    client = await register(issuer.url)
  })
  after(() => issuer.remove())

  async function restart(signal: NodeJS.Signals): Promise<void> {
    await issuer.stop(signal)
    await issuer.start()
  }

  const keys = async () => JSON.stringify(await (await fetch(`${issuer.url}/jwks`)).json())

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    describe(`by ${signal}`, () => {
      it('keeps clients, grants, refresh tokens and signing keys', async () => {
        const tokens = await obtainTokens(issuer.url, client)
        const published = await keys()
        await restart(signal)
        expect(await keys()).to.equal(published)
        const { status, body } = await refresh(issuer.url, client, tokens.refresh_token)
        expect(status).to.equal(200)
        expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(200)
      })

      it('in the middle of a sign-in does not lose it', async () => {
        const request = authorizationRequest(issuer.url, client)
        const browser = browserFor(request)
        const { page } = await browser.open(request.url)
        const [consent] = page?.forms ?? []
        if (!page || !consent) throw new Error('no consent page')
        await restart(signal)
        const approved = await browser.submit(page, consent, { name: 'decision', value: 'approve' })
        const [personas] = approved.page?.forms ?? []
        if (!approved.page || !personas) throw new Error('no sign-in page')
        await restart(signal)
        const back = await browser.submit(approved.page, personas, personas.buttons[0])
        await restart(signal)
        const { status } = await exchange(issuer.url, client, request, back.url.searchParams.get('code') ?? '')
        expect(status).to.equal(200)
      })

      it('forgets nothing of what was spent', async () => {
        const request = authorizationRequest(issuer.url, client)
        const code = (await signIn(request)).searchParams.get('code') ?? ''
        expect((await exchange(issuer.url, client, request, code)).status).to.equal(200)
        await restart(signal)
        const { status, body } = await exchange<{ error: string }>(issuer.url, client, request, code)
        expect([status, body.error]).to.deep.equal([400, 'invalid_grant'])
      })
    })
  }

  it('by kill -9 under a load of refreshes loses no acknowledged token', async () => {
    const families = await Promise.all(Array.from({ length: 4 }, () => obtainTokens(issuer.url, client)))
    const newest = families.map(({ refresh_token }) => refresh_token)
    let stopped = false
    const load = newest.map(async (_, index) => {
      while (!stopped) {
        const answer = await refresh(issuer.url, client, newest[index] ?? '').catch(() => undefined)
        if (answer?.status === 200) newest[index] = answer.body.refresh_token
      }
    })
    for (let kill = 0; kill < 3; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 300))
      await restart('SIGKILL')
    }
    stopped = true
    await Promise.all(load)
    for (const token of newest) expect((await refresh(issuer.url, client, token)).status).to.equal(200)
  })

  it('leaves a walk from start to end possible', async () => {
    await restart('SIGKILL')
    const request = authorizationRequest(issuer.url, client)
    const visit = await walk(browserFor(request), request.url)
    expect(visit.url.searchParams.has('code')).to.equal(true)
  })
})
