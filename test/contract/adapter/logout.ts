/** Which logout tokens the adapter believes, and whom they end. For adapters that have `loggedOut`. */
import { expect } from 'chai'
import { type JWTHeaderParameters, SignJWT } from 'jose'
import type { z } from 'zod'
import type { LogoutNotice } from '../../../src/adapter.ts'
import { type ClaimSet, newKey } from '../../support/fake-idp.ts'
import { testHost } from '../../support/host.ts'
import { type Bench, bench, type ContractSubject, refused, signIn } from './bench.ts'
import { type Case, seconds } from './case.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** What is wrong with a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
export interface LogoutCase extends Omit<Case, 'bend'> {
  readonly claims?: ClaimSet
  readonly header?: JWTHeaderParameters
  readonly otherKey?: boolean
}

const wrong = (name: string, words: string, more: Partial<LogoutCase>): LogoutCase => ({
  name: `logout-${name}`,
  words: `a logout token ${words}`,
  outcome: 'invalid',
  ...more,
})

export const LOGOUT_CASES: readonly LogoutCase[] = [
  wrong('issuer-other', 'of another issuer', { claims: { iss: 'https://evil.test' } }),
  wrong('audience-other', 'for another client', { claims: { aud: 'other-client' } }),
  wrong('iat-old', 'that is an hour old', { claims: { iat: seconds(-3600) } }),
  wrong('expired', 'that expired 90 seconds ago', { claims: { iat: seconds(-300), exp: seconds(-90) } }),
  wrong('events-missing', 'without events', { claims: { events: undefined } }),
  wrong('events-other', 'about another event', { claims: { events: { 'https://evil.test/event': {} } } }),
  wrong('nonce', 'with a nonce, as an ID token has one', { claims: { nonce: 'n-1' } }),
  wrong('id-token', 'that is an ID token', {
    claims: { events: undefined, jti: 'token-1', nonce: 'n-1' },
    header: { alg: 'RS256', typ: 'JWT' },
  }),
  wrong('nobody', 'that names neither a user nor a session', { claims: { sub: undefined, sid: undefined } }),
  wrong('jti-missing', 'without an id of its own', { claims: { jti: undefined } }),
  wrong('type-other', 'of the type of access tokens', { header: { alg: 'RS256', typ: 'at+jwt' } }),
  wrong('key-other', 'signed by another key under the same key id', { otherKey: true }),
]

export function logoutContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  const { type, options, idp: idpOptions } = subject
  const { clientId } = idpOptions
  if (!type.open(type.options.parse(options), testHost()).loggedOut) return

  describe('a logout at the IdP', () => {
    for (const { name, words, claims, header, otherKey } of LOGOUT_CASES) {
      it(`${name}: ${words} is refused as invalid`, async () => {
        const lab = await bench(subject)
        const key = otherKey ? await newKey() : undefined
        await refused(tell(lab, await logoutToken(lab, clientId, claims, header, key?.privateKey)), lab.idp, 'invalid')
      })
    }

    it('logout-unsigned: a logout token without a signature is refused as invalid', async () => {
      const lab = await bench(subject)
      const [, payload] = (await logoutToken(lab, clientId)).split('.')
      await refused(tell(lab, `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`), lab.idp, 'invalid')
    })

    it('logout-nonsense: what is no token is refused as invalid', async () => {
      const lab = await bench(subject)
      for (const text of ['', 'nonsense', 'a.b.c']) await refused(tell(lab, text), lab.idp, 'invalid')
    })

    it('logout-flood: forged tokens make it fetch nothing when they are not for it, else its keys once', async () => {
      const lab = await bench(subject)
      const post = async (claims: ClaimSet, header: object = {}) => {
        const token = await logoutToken(lab, clientId, claims, { alg: 'RS256', typ: 'logout+jwt', ...header })
        await refused(tell(lab, token), lab.idp, 'invalid')
      }
      await post({ aud: 'other-client' })
      await post({}, { typ: 'at+jwt' })
      expect(lab.idp.requests).to.have.length(0)
      await post({ iss: 'https://evil.test' })
      expect(lab.idp.count('jwks')).to.equal(0)
      for (let guess = 0; guess < 5; guess += 1) await post({}, { kid: `guess-${guess}` })
      expect([lab.idp.count('discovery'), lab.idp.count('jwks')]).to.deep.equal([1, 1])
    })

    it('logout-good: names the user by the subject of the sign-in, or the session of it', async () => {
      const lab = await bench(subject)
      lab.idp.user = { ...lab.idp.user, sid: 'session-1' }
      const { session } = await signIn(lab)
      const notice = await tell(lab, await logoutToken(lab, clientId))
      expect(notice.id).to.equal('logout-1')
      if (notice.subject !== undefined) expect(notice.subject).to.equal(subject.subject)
      if (notice.session !== undefined) expect(notice.session).to.equal(session)
      expect([notice.subject, notice.session]).not.to.deep.equal([undefined, undefined])
    })
  })
}

function tell({ adapter }: Bench, token: string): Promise<LogoutNotice> {
  if (!adapter.loggedOut) throw new Error('the adapter has lost its loggedOut')
  return adapter.loggedOut(token)
}

/** A logout token about the user of the IdP, in order but for what is given. */
async function logoutToken(
  { idp }: Bench,
  aud: string,
  change: ClaimSet = {},
  header: JWTHeaderParameters = { alg: 'RS256', typ: 'logout+jwt' },
  privateKey = idp.keys[0]?.privateKey,
): Promise<string> {
  const [key] = idp.keys
  if (!key || !privateKey) throw new Error('no key')
  const iss = String(idp.metadata.issuer)
  const own = { iss, aud, iat: seconds(0), exp: seconds(120), jti: 'logout-1', events: { [EVENT]: {} } }
  const claims = { ...own, sub: String(idp.user.sub), sid: 'session-1', ...change }
  return new SignJWT(claims).setProtectedHeader({ kid: key.jwk.kid, ...header }).sign(privateKey)
}
