import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { StoreEngine } from '../../src/store.ts'
import { authorizationRequest, exchange, obtainTokens, refresh, register, signIn } from '../support/client.ts'
import { Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** Waits that a flow has for its store: a write each, and one for all reads that are begun in the same turn. */
class Waits {
  count = 0
  verbs: string[] = []
  #reading = false

  around(engine: StoreEngine): StoreEngine {
    return new Proxy(engine, {
      get: (target, name: keyof StoreEngine) => {
        const verb = target[name] as (...args: unknown[]) => unknown
        return (...args: unknown[]) => {
          this.#note(name, String(args[0]))
          // An engine on another machine answers in a later turn.
          return name === 'get' ? sleep(2).then(() => verb.apply(target, args)) : verb.apply(target, args)
        }
      },
    })
  }

  reset(): void {
    this.count = 0
    this.verbs = []
  }

  #note(name: string, kind: string): void {
    this.verbs.push(`${name} ${kind}`)
    if (name === 'get') {
      if (this.#reading) return
      this.#reading = true
      setImmediate(() => {
        this.#reading = false
      })
    }
    this.count += 1
  }
}

describe('what a flow costs in ways to the store', () => {
  const waits = new Waits()
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({ store: (engine) => waits.around(engine) })
  })
  after(() => issuer.close())

  it('is two reads and two writes for a refresh', async () => {
    const client = await register(issuer.url)
    const tokens = await obtainTokens(issuer.url, client)
    waits.reset()
    expect((await refresh(issuer.url, client, tokens.refresh_token)).status).to.equal(200)
    expect(waits.count, waits.verbs.join(', ')).to.equal(4)
  })

  it('is not more for a user who can be checked at the IdP, and two writes more when that is due', async () => {
    const { issuer: checked, stop } = await startCompanyIssuer({}, { store: (engine) => waits.around(engine) })
    const client = await Connected.by('ada', checked.url)
    for (const [passed, cost] of [
      [0, 4],
      [INTERVAL, 6],
      [0, 4],
    ] as const) {
      checked.advance(passed)
      waits.reset()
      expect((await client.refresh()).status).to.equal(200)
      expect(waits.count, waits.verbs.join(', ')).to.equal(cost)
    }
    await stop()
  })

  it('is two reads and two writes for a code', async () => {
    const client = await register(issuer.url)
    const request = authorizationRequest(issuer.url, client)
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    waits.reset()
    expect((await exchange(issuer.url, client, request, code)).status).to.equal(200)
    expect(waits.count, waits.verbs.join(', ')).to.equal(4)
  })

  it('is one deletion of the grant and one of the rest for a code that comes again', async () => {
    const client = await register(issuer.url)
    const request = authorizationRequest(issuer.url, client)
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    const { body } = await exchange(issuer.url, client, request, code)
    waits.reset()
    expect((await exchange(issuer.url, client, request, code)).body).to.include({ error: 'invalid_grant' })
    const deletions = waits.verbs.filter((verb) => verb.startsWith('delete'))
    expect(deletions.map((verb) => verb.split(' ')[0])).to.deep.equal(['delete', 'deleteGrant'])
    expect((await refresh(issuer.url, client, body.refresh_token)).status).to.equal(400)
  })

  it('is nothing for metadata and keys', async () => {
    waits.reset()
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']) {
      expect((await fetch(`${issuer.url}${path}`)).status).to.equal(200)
    }
    expect(waits.verbs).to.deep.equal([])
  })

  it('is one read for a token of nobody, whoever asks', async () => {
    const client = await register(issuer.url)
    waits.reset()
    expect((await refresh(issuer.url, client, 'unknown')).body).to.include({ error: 'invalid_grant' })
    expect(waits.count, waits.verbs.join(', ')).to.equal(1)
  })
})
