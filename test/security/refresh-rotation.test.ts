import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { StoreUnavailable } from '../../src/store.ts'
import { obtainTokens, postForm, type Registered, refresh, register } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { observed } from '../support/observed.ts'

/** Requests at once with one token. */
const BURST = 20

interface Call {
  readonly verb: string
  readonly kind: unknown
}

describe('the rotation of a refresh token', () => {
  let issuer: TestIssuer
  let client: Registered
  let token: string
  let before: (call: Call) => Promise<void> | void
  /** The verb that fails. */
  let away: string | undefined
  let calls: Call[] = []

  beforeEach(async () => {
    before = () => undefined
    away = undefined
    issuer = await startIssuer({
      store: (store) =>
        observed(store, async (verb, first) => {
          // A record that is written, or the kind of one.
          const call = { verb, kind: (first as { kind?: unknown } | undefined)?.kind ?? first }
          calls.push(call)
          if (verb === away) throw new StoreUnavailable('the engine is away')
          await before(call)
        }),
    })
    client = await register(issuer.url)
    token = (await obtainTokens(issuer.url, client)).refresh_token
    calls = []
  })
  afterEach(() => issuer.close())

  const use = async () => (await refresh<{ error?: string }>(issuer.url, client, token)).status
  const asked = (verb: string) => calls.filter((call) => call.verb === verb && call.kind === 'RefreshToken').length
  const tokens = () => issuer.store.count('RefreshToken')

  /** Lets every refresh of a burst come as far as it can before the first one spends the token; then `next` happens. */
  function holdTheFirst(next: () => Promise<unknown> | undefined): void {
    before = async ({ verb }) => {
      if (verb !== 'consume') return
      before = () => undefined
      for (let look = 0; look < 500 && calls.filter(({ kind }) => kind === 'Account').length < BURST; look += 1) {
        await sleep(5)
      }
      await sleep(50)
      await next()
    }
  }

  const burst = async () => (await Promise.all(Array.from({ length: BURST }, use))).sort()

  for (const verb of ['put', 'consume']) {
    it(`costs the client no use of its token when the store goes away at the ${verb}`, async () => {
      before = (call) => {
        if (call.verb !== verb || call.kind !== 'RefreshToken') return
        before = () => undefined
        throw new StoreUnavailable('the engine is away')
      }
      expect([await use(), await use(), await use(), await use()]).to.deep.equal([503, 200, 200, 400])
    })
  }

  it('leaves no token in the store that nobody was given', async () => {
    await use()
    await use()
    expect(await tokens()).to.equal(3)
    expect(await use()).to.equal(400)
    expect(await tokens()).to.equal(3)
  })

  it('leaves none either when the grant is revoked meanwhile, and gives the client none', async () => {
    before = async ({ verb }) => {
      if (verb !== 'consume') return
      before = () => undefined
      await postForm(`${issuer.url}/revoke`, { client_id: client.client_id, token })
    }
    expect(await use()).to.equal(400)
    expect(await tokens()).to.equal(0)
  })

  it('is refused also when what was written for it cannot be deleted', async () => {
    away = 'delete'
    holdTheFirst(() => undefined)
    expect((await burst()).slice(0, 3)).to.deep.equal([200, 200, 400])
    expect(calls.some(({ verb }) => verb === 'delete')).to.equal(true)
  })

  it('writes nothing for a token of which no use is left', async () => {
    await use()
    await use()
    calls.length = 0
    expect([await use(), await use()]).to.deep.equal([400, 400])
    expect(new Set(calls.map(({ verb }) => verb))).to.deep.equal(new Set(['get']))
  })

  it('of one token does not wait for that of another', async () => {
    const other = await register(issuer.url)
    const { refresh_token } = await obtainTokens(issuer.url, other)
    let status = 0
    before = async ({ verb }) => {
      if (verb !== 'consume') return
      before = () => undefined
      status = (await refresh(issuer.url, other, refresh_token)).status
    }
    expect([await use(), status]).to.deep.equal([200, 200])
  })

  it('waits for another one no longer than for the store itself', async () => {
    before = async ({ verb }) => {
      if (verb === 'put' || verb === 'consume') await sleep(1100)
    }
    expect(await Promise.all(Array.from({ length: 4 }, use))).to.have.members([200, 503, 503, 503])
    before = () => undefined
    expect([await use(), await use()]).to.deep.equal([200, 400])
  })

  it('does not spend a token after its request was given up', async () => {
    for (const _ of [1, 2]) {
      let late: Promise<void> | undefined
      before = ({ verb }) => {
        if (verb === 'put') return sleep(400)
        if (verb !== 'consume') return
        before = () => undefined
        late = sleep(2700)
        return late
      }
      expect(await use()).to.equal(503)
      await late
    }
    expect([await use(), await use(), await use()]).to.deep.equal([200, 200, 400])
  })

  it('does not spend a token when hardly any time is left to say so', async () => {
    before = () => sleep(700)
    expect(await use()).to.equal(503)
    // What was begun all the same is done by now.
    await sleep(1000)
    before = () => undefined
    // Spent, it would end the grant from here on.
    issuer.advance(61_000)
    expect([await use(), await use(), await use()]).to.deep.equal([200, 200, 400])
  })

  it('is done twice for a burst of requests, and asks the store little more often', async () => {
    holdTheFirst(() => undefined)
    const statuses = await burst()
    expect(statuses.slice(0, 3)).to.deep.equal([200, 200, 400])
    expect(statuses.at(-1)).to.equal(400)
    expect(await tokens()).to.equal(3)
    expect([asked('put'), asked('consume')]).to.deep.equal([3, 3])
  })

  it('is not refused to a burst of requests when the store goes away under it', async () => {
    holdTheFirst(() => Promise.reject(new StoreUnavailable('the engine is away')))
    expect(new Set(await burst())).to.deep.equal(new Set([503]))
    expect(asked('consume')).to.equal(1)
    expect([await use(), await use(), await use()]).to.deep.equal([200, 200, 400])
  })

  it('goes on for the others when one of a burst of requests breaks by itself', async () => {
    holdTheFirst(() => Promise.reject(new Error('a defect')))
    expect(await burst()).to.include.members([200, 200, 400, 500])
  })
})
