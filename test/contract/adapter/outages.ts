/** What the adapter makes of an IdP that is down, broken or misconfigured. */
import { expect } from 'chai'
import type { z } from 'zod'
import type { IdpAdapter, Refusal } from '../../../src/adapter.ts'
import type { Endpoint, FakeIdp, Faults } from '../../support/fake-idp.ts'
import { newLogin } from '../../support/login.ts'
import { type Bench, bench, type ContractSubject, redirectOf, refused, signIn } from './bench.ts'

export function outageContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('an IdP in trouble', () => {
    let lab: Bench
    let idp: FakeIdp
    let adapter: IdpAdapter

    beforeEach(async () => {
      lab = await bench(subject)
      idp = lab.idp
      adapter = lab.adapter
    })

    const faults: Record<string, [Refusal, () => Response]> = {
      'cannot be reached': ['unavailable', () => fail(new TypeError('fetch failed'))],
      'does not answer in time': ['unavailable', () => fail(new DOMException('too late', 'TimeoutError'))],
      'answers 500': ['unavailable', () => new Response('<h1>Oops</h1>', { status: 500 })],
      'answers 429': ['unavailable', () => new Response('slow down', { status: 429 })],
      'answers 404': ['invalid', () => new Response('not here', { status: 404 })],
      'sends a page': ['invalid', () => new Response('<html></html>', { headers: { 'content-type': 'text/html' } })],
      'sends half an answer': [
        'invalid',
        () => new Response('{"access_token":"eyJhb', { headers: { 'content-type': 'application/json' } }),
      ],
      'sends a list': ['invalid', () => Response.json([])],
    }

    const at =
      (wanted: Endpoint, answer: () => Response): NonNullable<Faults['answer']> =>
      (endpoint, response) =>
        endpoint === wanted ? answer() : response

    for (const endpoint of ['discovery', 'token', 'jwks'] as const) {
      for (const [words, [reason, answer]] of Object.entries(faults)) {
        it(`that ${words} at ${endpoint} is refused as ${reason}`, async () => {
          idp.faults.answer = at(endpoint, answer)
          await refused(signIn(lab), idp, reason)
        })
      }
    }

    it('is asked again by the next sign-in', async () => {
      idp.faults.answer = at('discovery', () => fail(new TypeError('fetch failed')))
      await refused(redirectOf(adapter, newLogin()), idp, 'unavailable')
      await refused(redirectOf(adapter, newLogin()), idp, 'unavailable')
      idp.faults = {}
      expect((await signIn(lab)).subject).to.equal(subject.subject)
      expect(idp.count('discovery')).to.equal(3)
    })

    for (const [words, change] of [
      ['lacks the authorization endpoint', { authorization_endpoint: undefined }],
      ['lacks the token endpoint', { token_endpoint: undefined }],
      ['names an authorization endpoint that runs code', { authorization_endpoint: 'javascript:alert(1)' }],
      ['names an authorization endpoint without TLS', { authorization_endpoint: 'http://idp.evil.example/authorize' }],
    ] as const) {
      it(`whose metadata ${words} is refused, and is well again with its next answer`, async () => {
        idp.faults.answer = async (endpoint, response) =>
          endpoint === 'discovery' ? Response.json({ ...((await response.json()) as object), ...change }) : response
        await refused(redirectOf(adapter, newLogin()), idp, 'invalid')
        idp.faults = {}
        expect((await signIn(lab)).subject).to.equal(subject.subject)
      })
    }

    it('is discovered anew after a day', async () => {
      let ahead = 0
      lab = await bench(subject, () => new Date(Date.now() + ahead))
      await redirectOf(lab.adapter, newLogin())
      ahead = 23 * 3_600_000
      await redirectOf(lab.adapter, newLogin())
      expect(lab.idp.count('discovery')).to.equal(1)
      ahead = 25 * 3_600_000
      await redirectOf(lab.adapter, newLogin())
      expect(lab.idp.count('discovery')).to.equal(2)
    })

    it('that publishes another issuer is refused', async () => {
      idp.metadata.issuer = 'https://evil.test'
      await refused(redirectOf(adapter, newLogin()), idp, 'invalid')
    })

    for (const endpoint of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
      it(`that publishes its ${endpoint} on plain http is refused`, async () => {
        idp.metadata[endpoint] = String(idp.metadata[endpoint]).replace('https:', 'http:')
        await refused(signIn(lab), idp, 'invalid')
      })
    }
  })
}

function fail(error: Error): never {
  throw error
}
