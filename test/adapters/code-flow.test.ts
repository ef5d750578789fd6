/** What the shared flow does after a sign-in, where no adapter in the tree shows all of it: logout tokens and re-checks. */
import { expect } from 'chai'
import { type JWTHeaderParameters, SignJWT } from 'jose'
import { type OidcFlowOptions, oidcFlow, standardClaims } from '../../adapters/code-flow.ts'
import { type Identity, isLoginRefused } from '../../src/adapter.ts'
import { type FakeIdp, fakeIdp, newKey } from '../support/fake-idp.ts'
import { testHost } from '../support/host.ts'

const ISSUER = 'https://idp.example.com'
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const ADA: Identity = { subject: 'ada', claims: { name: 'Ada' }, secret: 'refresh-1', session: 'session-1' }

describe('the shared code flow', () => {
  let idp: FakeIdp
  /** The answer of the token endpoint to a refresh. */
  let renewal: Record<string, unknown> | Response
  let asked: URLSearchParams | undefined

  const open = (options: Partial<OidcFlowOptions> = {}) =>
    oidcFlow({
      host: testHost({
        async fetch(url, init) {
          const body = init?.body
          if (body instanceof URLSearchParams && body.get('grant_type') === 'refresh_token') {
            asked = body
            return renewal instanceof Response ? renewal : Response.json(renewal)
          }
          return idp.fetch(url, init)
        },
      }),
      server: new URL(ISSUER),
      clientId: 'consulate',
      clientSecret: 'secret-of-the-client',
      scopes: ['openid', 'offline_access'],
      recheck: true,
      backchannelLogout: true,
      identify: ({ claims }) => ({ subject: claims.sub, claims: standardClaims(claims) }),
      ...options,
    })

  const sign = (claims: object, header: Partial<JWTHeaderParameters> = {}, key = idp.keys[0]) => {
    if (!key) throw new Error('no key')
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: key.jwk.kid, ...header })
      .sign(key.privateKey)
  }

  const seconds = (offset = 0) => Math.floor(Date.now() / 1000) + offset
  const refusal = async (work: Promise<unknown> | undefined, reason: string) => {
    const outcome = await work?.then(
      () => 'no refusal',
      (error: unknown) => error,
    )
    expect(isLoginRefused(outcome) && outcome.reason, String(outcome)).to.equal(reason)
  }

  beforeEach(async () => {
    const user = { sub: 'ada', name: 'Ada' }
    idp = await fakeIdp({ issuer: ISSUER, clientId: 'consulate', clientSecret: 'secret-of-the-client', user })
    asked = undefined
  })

  describe('a logout token', () => {
    const loggedOut = (token: string) => {
      const flow = open()
      if (!flow.loggedOut) throw new Error('the flow takes no logout tokens')
      return flow.loggedOut(token)
    }

    it('is taken only where the adapter says that the IdP posts them', () => {
      expect(open({ backchannelLogout: undefined })).not.to.have.property('loggedOut')
    })

    const good = () => ({
      iss: ISSUER,
      aud: 'consulate',
      iat: seconds(),
      exp: seconds(120),
      jti: 'logout-1',
      sub: 'ada',
      sid: 'session-1',
      events: { [EVENT]: {} },
    })

    it('tells who and which session is logged out', async () => {
      for (const typ of ['logout+jwt', 'application/logout+jwt', 'JWT', undefined]) {
        const token = await sign(good(), typ === undefined ? {} : { typ })
        expect(await loggedOut(token)).to.deep.equal({ id: 'logout-1', subject: 'ada', session: 'session-1' })
      }
    })

    it('may name a user or a session alone', async () => {
      const { sid: _, ...user } = good()
      const { sub: __, ...session } = good()
      expect(await loggedOut(await sign(user))).to.deep.equal({ id: 'logout-1', subject: 'ada' })
      expect(await loggedOut(await sign(session))).to.deep.equal({ id: 'logout-1', session: 'session-1' })
    })

    for (const [words, change] of [
      ['of another issuer', { iss: 'https://evil.example' }],
      ['for another client', { aud: 'other' }],
      ['without a time', { iat: undefined }],
      ['without an end', { exp: undefined }],
      ['that has ended', { exp: seconds(-90) }],
      ['that is old', { iat: seconds(-3600) }],
      ['without events', { events: undefined }],
      ['about another event', { events: { 'http://schemas.openid.net/event/other': {} } }],
      ['whose event is no object', { events: { [EVENT]: true } }],
      ['with a nonce, as an ID token has one', { nonce: 'n' }],
      ['that names nobody', { sub: undefined, sid: undefined }],
      ['without jti', { jti: undefined }],
    ] as const) {
      it(`is refused ${words}`, async () => refusal(loggedOut(await sign({ ...good(), ...change })), 'invalid'))
    }

    it('is refused as a token of another type', async () => {
      for (const typ of ['at+jwt', 'id_token+jwt']) {
        await refusal(loggedOut(await sign(good(), { typ })), 'invalid')
      }
    })

    it('is refused when the IdP did not sign it', async () => {
      const kid = idp.keys[0]?.jwk.kid ?? ''
      await refusal(loggedOut(await sign(good(), { kid }, await newKey())), 'invalid')
      const [, payload] = (await sign(good())).split('.')
      await refusal(loggedOut(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`), 'invalid')
      await refusal(loggedOut('nonsense'), 'invalid')
    })
  })

  describe('a re-check', () => {
    const answer = { access_token: 'access-2', token_type: 'Bearer', expires_in: 3600 }
    const idToken = (change: object = {}) =>
      sign({
        iss: ISSUER,
        aud: 'consulate',
        sub: 'ada',
        name: 'Ada King',
        iat: seconds(),
        exp: seconds(300),
        ...change,
      })

    it('names the user anew from the ID token, and takes the next refresh token', async () => {
      renewal = { ...answer, refresh_token: 'refresh-2', id_token: await idToken() }
      const now = await open().refresh?.(ADA)
      expect(now).to.deep.equal({ ...ADA, claims: { name: 'Ada King' }, secret: 'refresh-2' })
      expect(asked?.get('refresh_token')).to.equal('refresh-1')
      expect(asked?.has('scope')).to.equal(false)
    })

    it('goes on with the refresh token that there is when none comes', async () => {
      renewal = { ...answer, id_token: await idToken() }
      expect((await open().refresh?.(ADA))?.secret).to.equal('refresh-1')
    })

    it('asks userinfo when no ID token comes, and leaves all as it was when there is no userinfo', async () => {
      renewal = answer
      idp.userinfo = { name: 'Ada of userinfo', groups: ['b'] }
      expect((await open().refresh?.(ADA))?.claims).to.deep.equal({ name: 'Ada of userinfo', groups: ['b'] })
      idp.metadata.userinfo_endpoint = undefined
      expect(await open().refresh?.(ADA)).to.deep.equal(ADA)
    })

    it('tells the adapter that it is one, by ID token, by userinfo and about an error', async () => {
      const told: unknown[] = []
      const identify: OidcFlowOptions['identify'] = ({ claims, recheck }) => {
        told.push(recheck)
        return { subject: claims.sub, claims: {} }
      }
      const flow = open({ identify, explain: (_, recheck) => void told.push(recheck) })
      renewal = { ...answer, id_token: await idToken() }
      await flow.refresh?.(ADA)
      renewal = answer
      await flow.refresh?.(ADA)
      renewal = Response.json({ error: 'invalid_grant' }, { status: 400 })
      await refusal(flow.refresh?.(ADA), 'denied')
      expect(told).to.deep.equal([true, true, true])
    })

    it('refuses another user, by ID token or by userinfo', async () => {
      renewal = { ...answer, id_token: await idToken({ sub: 'eve' }) }
      await refusal(open().refresh?.(ADA), 'invalid')
      renewal = answer
      idp.userinfo = { sub: 'eve' }
      await refusal(open().refresh?.(ADA), 'invalid')
    })

    it('refuses an ID token that is not good', async () => {
      for (const change of [
        { iss: 'https://evil.example' },
        { aud: 'other' },
        { exp: seconds(-90) },
        { azp: 'other' },
      ]) {
        renewal = { ...answer, id_token: await idToken(change) }
        await refusal(open().refresh?.(ADA), 'invalid')
      }
    })

    it('ends access on invalid_grant, and leaves it on everything that is not about the user', async () => {
      for (const [error, status, reason] of [
        ['invalid_grant', 400, 'denied'],
        ['interaction_required', 400, 'denied'],
        ['invalid_client', 401, 'invalid'],
        ['temporarily_unavailable', 400, 'unavailable'],
        ['server_error', 500, 'unavailable'],
      ] as const) {
        const headers = { 'www-authenticate': 'Basic realm="idp"' }
        renewal = Response.json({ error }, { status, headers })
        await refusal(open().refresh?.(ADA), reason)
      }
    })

    it('is not offered, and no refresh token kept, unless the adapter asks for it', () => {
      expect(open({ recheck: false })).not.to.have.property('refresh')
    })
  })
})
