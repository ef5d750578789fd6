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
