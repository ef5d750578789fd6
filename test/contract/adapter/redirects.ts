/** What the adapter sends with the browser, and what it takes back from it. */
import { expect } from 'chai'
import type { z } from 'zod'
import type { IdpAdapter } from '../../../src/adapter.ts'
import type { FakeIdp } from '../../support/fake-idp.ts'
import { newLogin } from '../../support/login.ts'
import { type Bench, bench, type ContractSubject, redirectOf, refused, signIn } from './bench.ts'

export function redirectContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('the redirects', () => {
    let lab: Bench
    let idp: FakeIdp
    let adapter: IdpAdapter

    beforeEach(async () => {
      lab = await bench(subject)
      idp = lab.idp
      adapter = lab.adapter
    })

    describe('the way out', () => {
      it('makes no request until somebody signs in', () => {
        expect(idp.requests).to.deep.equal([])
      })

      it('sends state, nonce and an S256 challenge', async () => {
        const login = newLogin()
        const { searchParams } = await redirectOf(adapter, login)
        expect(searchParams.get('state')).to.equal(login.state)
        expect(searchParams.get('nonce')).to.equal(login.nonce)
        expect(searchParams.get('code_challenge')).to.equal(login.codeChallenge)
        expect(searchParams.get('code_challenge_method')).to.equal('S256')
      })

      it('asks for a code in the query, and for nothing of the MCP client', async () => {
        const login = newLogin()
        const { searchParams } = await redirectOf(adapter, login)
        expect([...searchParams.keys()].sort()).to.deep.equal(
          'client_id code_challenge code_challenge_method nonce redirect_uri response_mode response_type scope state'.split(
            ' ',
          ),
        )
        expect(searchParams.get('response_type')).to.equal('code')
        expect(searchParams.get('response_mode')).to.equal('query')
        expect(searchParams.get('client_id')).to.equal(subject.idp.clientId)
        expect(searchParams.get('redirect_uri')).to.equal(login.redirectUri.href)
        expect(searchParams.get('scope')?.split(' ')).to.include('openid')
      })

      it('passes hints on', async () => {
        const claims = '{"id_token":{"acrs":{"value":"c1"}}}'
        const login = newLogin({ loginHint: 'ada@example.com', prompt: 'login', claims })
        const { searchParams } = await redirectOf(adapter, login)
        expect(searchParams.get('login_hint')).to.equal('ada@example.com')
        expect(searchParams.get('prompt')).to.equal('login')
        expect(searchParams.get('claims')).to.equal(claims)
      })

      it('may run twice, gives the same URL and only reads', async () => {
        const login = newLogin()
        const [first, second] = await Promise.all([redirectOf(adapter, login), redirectOf(adapter, login)])
        const third = await redirectOf(adapter, login)
        expect([second.href, third.href]).to.deep.equal([first.href, first.href])
        expect(idp.requests.map(({ endpoint, method }) => `${method} ${endpoint}`)).to.deep.equal(['GET discovery'])
      })
    })

    describe('the user', () => {
      it('is named when everything is in order', async () => {
        const { subject: id, claims } = await signIn(lab)
        expect(id).to.equal(subject.subject)
        expect(claims.name).to.equal(subject.idp.user.name)
        expect(claims.email).to.equal(subject.idp.user.email)
        expect(idp.count('token')).to.equal(1)
      })

      it('stays the same when name and e-mail address change', async () => {
        idp.user = { ...idp.user, name: 'Ada King', email: 'king@example.com', preferred_username: 'king@example.com' }
        const { subject: id, claims } = await signIn(lab)
        expect(id).to.equal(subject.subject)
        expect(claims.email).to.equal('king@example.com')
      })
    })

    describe('the way back', () => {
      for (const [words, tamper] of [
        ['without state', (url: URL) => url.searchParams.delete('state')],
        ['with another state', (url: URL) => url.searchParams.set('state', newLogin().state)],
        ['without a code', (url: URL) => url.searchParams.delete('code')],
        ['with two codes', (url: URL) => url.searchParams.append('code', 'other')],
        ['with its state twice', (url: URL) => url.searchParams.append('state', url.searchParams.get('state') ?? '')],
        ['with two issuers', (url: URL) => (url.search += `&iss=${subject.idp.issuer}&iss=https://evil.test`)],
        ['with any parameter twice', (url: URL) => (url.search += '&session_state=1&session_state=2')],
        ['from another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.test')],
      ] as const) {
        it(`is refused ${words}, before a code is spent`, async () => {
          await refused(signIn(lab, tamper), idp, 'invalid')
          expect(idp.count('token')).to.equal(0)
        })
      }

      it('is refused without an issuer when the IdP says that it sends one', async () => {
        idp.metadata.authorization_response_iss_parameter_supported = true
        expect((await signIn(lab)).subject).to.equal(subject.subject)
        await refused(
          signIn(lab, (url) => url.searchParams.delete('iss')),
          idp,
          'invalid',
        )
      })

      it('is refused as a POST', async () => {
        const login = newLogin()
        const callback = idp.visit(await redirectOf(adapter, login))
        await refused(adapter.finish(login, new Request(callback, { method: 'POST' })), idp, 'invalid')
      })

      it("is refused with another login's code, by PKCE", async () => {
        const other = idp.visit(await redirectOf(adapter, newLogin())).searchParams.get('code') ?? ''
        const { message } = await refused(
          signIn(lab, (url) => url.searchParams.set('code', other)),
          idp,
          'invalid',
        )
        expect(message).to.contain('invalid_grant')
      })

      it("is refused with another login's code, by nonce, when the IdP forgets PKCE", async () => {
        idp.faults.forgetPkce = true
        const other = idp.visit(await redirectOf(adapter, newLogin())).searchParams.get('code') ?? ''
        const { message } = await refused(
          signIn(lab, (url) => url.searchParams.set('code', other)),
          idp,
          'invalid',
        )
        expect(message).to.contain('nonce')
      })

      it('works once', async () => {
        const login = newLogin()
        const callback = idp.visit(await redirectOf(adapter, login))
        await adapter.finish(login, new Request(callback))
        await refused(adapter.finish(login, new Request(callback)), idp, 'invalid')
      })

      for (const [error, reason] of [
        ['access_denied', 'denied'],
        ['consent_required', 'denied'],
        ['login_required', 'denied'],
        ['interaction_required', 'denied'],
        ['temporarily_unavailable', 'unavailable'],
        ['server_error', 'unavailable'],
        ['invalid_request', 'invalid'],
        ['unauthorized_client', 'invalid'],
      ] as const) {
        it(`with the error ${error} is refused as ${reason}`, async () => {
          const fail = (url: URL) => {
            url.searchParams.delete('code')
            url.searchParams.set('error', error)
            url.searchParams.set('error_description', 'because\r\nof this')
          }
          const { message } = await refused(signIn(lab, fail), idp, reason)
          expect(message).to.contain(`${error} because of this`)
        })
      }

      it('with an error and another state is refused as invalid', async () => {
        const fail = (url: URL) => {
          url.search = `?error=access_denied&state=${newLogin().state}`
        }
        await refused(signIn(lab, fail), idp, 'invalid')
      })
    })
  })
}
