/** What the adapter sends with the browser, and what it takes back from it. */
import { expect } from 'chai'
import type { z } from 'zod'
import type { IdpAdapter } from '../../../src/adapter.ts'
import type { FakeIdp } from '../../support/fake-idp.ts'
import { newLogin } from '../../support/login.ts'
import { type Bench, bench, type ContractSubject, redirectOf, refused, signIn } from './bench.ts'
import { CALLBACK_CASES, OPENID_CALLBACK_CASES } from './callback-cases.ts'
import { runCases } from './case.ts'

export function redirectContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  const openid = !subject.idp.oauth2

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
        if (openid) expect(searchParams.get('nonce')).to.equal(login.nonce)
        expect(searchParams.get('code_challenge')).to.equal(login.codeChallenge)
        expect(searchParams.get('code_challenge_method')).to.equal('S256')
      })

      it('asks for a code, each parameter once, and sends nothing of the MCP client and nothing secret', async () => {
        const login = newLogin()
        const { href, searchParams } = await redirectOf(adapter, login)
        const names = [...searchParams.keys()]
        expect(names).to.deep.equal([...new Set(names)])
        expect(names).to.include.members(
          ['client_id', 'redirect_uri', 'response_type', 'scope', 'state'].concat(openid ? ['nonce'] : []),
        )
        expect(names).not.to.include.oneOf(['resource', 'client_secret', 'code_verifier', 'request', 'request_uri'])
        expect(searchParams.get('response_type')).to.equal('code')
        expect(searchParams.get('response_mode') ?? 'query').to.equal('query')
        expect(searchParams.get('client_id')).to.equal(subject.idp.clientId)
        expect(searchParams.get('redirect_uri')).to.equal(login.redirectUri.href)
        if (openid) expect(searchParams.get('scope')?.split(' ')).to.include('openid')
        for (const secret of [login.codeVerifier, encodeURIComponent(subject.idp.clientSecret)]) {
          expect(href).not.to.contain(secret)
        }
      })

      // How an IdP of plain OAuth 2.0 takes a hint, if it does, is its own affair.
      if (openid) {
        it('passes hints on', async () => {
          const claims = '{"id_token":{"acrs":{"value":"c1"}}}'
          const login = newLogin({ loginHint: 'ada@example.com', prompt: 'login', claims })
          const { searchParams } = await redirectOf(adapter, login)
          expect(searchParams.get('login_hint')).to.equal('ada@example.com')
          // Not every IdP knows the same words for it.
          const plain = (await redirectOf(adapter, newLogin())).searchParams.get('prompt')
          expect(searchParams.get('prompt')).to.be.a('string').and.not.equal(plain)
          expect(searchParams.get('claims')).to.equal(claims)
        })
      }

      it('may run twice, gives the same URL and only reads', async () => {
        const login = newLogin()
        const [first, second] = await Promise.all([redirectOf(adapter, login), redirectOf(adapter, login)])
        const third = await redirectOf(adapter, login)
        expect([second.href, third.href]).to.deep.equal([first.href, first.href])
        const made = idp.requests.map(({ endpoint, method }) => `${method} ${endpoint}`)
        expect(made).to.deep.equal(openid ? ['GET discovery'] : [])
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

      if (openid) {
        it('stays the same when name and e-mail address change', async () => {
          const email = 'king@example.com'
          idp.user = { ...idp.user, name: 'Ada King', email, preferred_username: email }
          const { subject: id, claims } = await signIn(lab)
          expect(id).to.equal(subject.subject)
          expect(claims.email).to.equal(email)
        })
      }
    })

    describe('the way back', () => {
      runCases(subject, CALLBACK_CASES)
      if (openid) runCases(subject, OPENID_CALLBACK_CASES)

      it('post: a callback that comes as a POST is refused as invalid', async () => {
        const login = newLogin()
        const callback = idp.visit(await redirectOf(adapter, login))
        await refused(adapter.finish(login, new Request(callback, { method: 'POST' })), idp, 'invalid')
      })

      it('replay: a callback works once', async () => {
        const login = newLogin()
        const callback = idp.visit(await redirectOf(adapter, login))
        await adapter.finish(login, new Request(callback))
        await refused(adapter.finish(login, new Request(callback)), idp, 'invalid')
      })
    })
  })
}
