import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { StoreEngine } from '../../src/store.ts'
import { authorizationRequest, browserFor, exchange, refresh, register, signIn } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

type Verb = (...args: unknown[]) => Promise<unknown>
/** May hold a verb of the store back: the verb runs when the answer resolves. */
type Hold = (name: keyof StoreEngine, args: readonly unknown[]) => Promise<void> | undefined

describe('single use, when two requests have read before either wrote', () => {
  let issuer: TestIssuer
  let hold: Hold | undefined

  before(async () => {
    issuer = await startIssuer({ store: (store) => held(store, (name, args) => hold?.(name, args)) })
  })
  after(() => issuer.close())
  afterEach(() => {
    hold = undefined
  })

  it('gives a code to one of two exchanges, and nothing that came of it lives on', async () => {
    const client = await register(issuer.url)
    const request = authorizationRequest(issuer.url, client)
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    hold = together(2, (name) => name === 'consume')
    const answers = await Promise.all([1, 2].map(() => exchange(issuer.url, client, request, code)))
    hold = undefined
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 400])
    const winner = answers.find(({ status }) => status === 200)
    expect((await refresh(issuer.url, client, winner?.body.refresh_token ?? '')).status).to.equal(400)
  })

  it('takes a client assertion once (RFC 7523 section 3)', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const client = await register(issuer.url, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] },
    })
    const client_assertion = await new SignJWT({ jti: 'used twice' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(client.client_id)
      .setSubject(client.client_id)
      .setAudience(issuer.url)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const requests = [1, 2].map(() => authorizationRequest(issuer.url, client))
    const codes: string[] = []
    for (const request of requests) codes.push((await signIn(request)).searchParams.get('code') ?? '')

    hold = together(2, (name, [record]) => name === 'put' && kindOf(record) === 'ReplayDetection')
    const answers = await Promise.all(
      requests.map((request, i) =>
        exchange(issuer.url, client, request, codes[i] ?? '', { client_assertion, client_assertion_type }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 401])
  })

  it('does not let an approval under way bring back what the user cancelled', async () => {
    const request = authorizationRequest(issuer.url, await register(issuer.url))
    const browser = browserFor(request)
    const { page } = await browser.open(request.url)
    const [form] = page?.forms ?? []
    if (!page || !form) throw new Error('no consent page')
    const decide = (decision: string) =>
      fetch(form.action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: browser.cookies.header(form.action) ?? '', accept: 'text/html' },
        body: new URLSearchParams({ ...form.values, decision }),
      })

    let cancelled: Response | undefined
    hold = (name, [record]) => {
      if (name !== 'put' || kindOf(record) !== 'Interaction') return undefined
      hold = undefined
      return decide('cancel').then((response) => {
        cancelled = response
      })
    }
    const approved = await decide('approve')
    expect([cancelled?.status, approved.status]).to.deep.equal([303, 400])
    expect((await browser.open(page.url)).page?.status).to.equal(400)
  })
})

const kindOf = (record: unknown) => (record as { readonly kind: string }).kind

/** Holds the first `count` matching calls until all of them have come. */
function together(count: number, matches: (...call: Parameters<Hold>) => boolean): Hold {
  let release = () => {}
  const all = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrived = 0
  return (name, args) => {
    if (!matches(name, args)) return undefined
    arrived += 1
    if (arrived === count) release()
    return all
  }
}

function held(store: StoreEngine, hold: Hold): StoreEngine {
  return new Proxy(store, {
    get(target, name: keyof StoreEngine) {
      const verb = target[name] as Verb
      return async (...args: unknown[]) => {
        await hold(name, args)
        return verb.apply(target, args)
      }
    },
  })
}
