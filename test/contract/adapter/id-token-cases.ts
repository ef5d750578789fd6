/** What may be wrong with an ID token: its claims, its times, its algorithm, its key. */
import { exportSPKI, type JWTHeaderParameters, SignJWT } from 'jose'
import { type ClaimSet, type Faults, type KeyPair, newKey } from '../../support/fake-idp.ts'
import { newLogin } from '../../support/login.ts'
import { type Case, seconds, withClaims } from './case.ts'

const claim = (name: string, words: string, change: Parameters<typeof withClaims>[0]): Case => ({
  name,
  words: `a token ${words}`,
  outcome: 'invalid',
  bend: withClaims(change),
})

const clock = (name: string, words: string, ahead: number, outcome: Case['outcome']): Case => ({
  name,
  words: `a token of an IdP whose clock is ${words}`,
  outcome,
  bend: ({ idp }) => {
    idp.faults.clock = ahead
    // Entra and others say from when on, too.
    idp.faults.claims = (claims) => ({ ...claims, nbf: claims.iat })
  },
})

const fault = (name: string, words: string, faults: Faults): Case => ({
  name,
  words: `a token ${words}`,
  outcome: 'invalid',
  bend: ({ idp }) => void Object.assign(idp.faults, faults),
})

const typed = (name: string, of: string, typ: string) =>
  fault(`type-${name}`, `of the type of ${of}`, { header: (header) => ({ ...header, typ }) })

const signedBy = (secretOf: (key: KeyPair) => string | Promise<string>) => ({
  sign: async (claims: ClaimSet, header: JWTHeaderParameters, key: KeyPair) =>
    new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: 'HS256' })
      .sign(new TextEncoder().encode((await secretOf(key)).padEnd(32, '.'))),
})

const LOGOUT = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

export const ID_TOKEN_CASES: readonly Case[] = [
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'nonce'].map((name) =>
    claim(`${name}-claim-missing`, `without ${name}`, () => ({ [name]: undefined })),
  ),
  {
    name: 'id-token-missing',
    words: 'an answer without an ID token',
    outcome: 'invalid',
    bend: ({ idp }) => {
      idp.faults.tokens = (answer) => ({ ...answer, id_token: undefined })
    },
  },
  claim('at-hash-other', 'that came with another access token (at_hash)', () => ({
    at_hash: 'AAAAAAAAAAAAAAAAAAAAAA',
  })),
  claim('nonce-other', 'with the nonce of another login', () => ({ nonce: newLogin().nonce })),
  claim('audience-other', 'for another client', () => ({ aud: 'other-client' })),
  claim('audience-array', 'for several clients without azp', ({ aud }) => ({ aud: [aud, 'other-client'] })),
  claim('azp-other', 'given to another client (azp)', ({ aud }) => ({ aud: [aud, 'other'], azp: 'other' })),
  claim('issuer-other', 'of another issuer', () => ({ iss: 'https://evil.test' })),
  claim('sub-empty', 'whose sub is empty', () => ({ sub: '' })),
  claim('sub-number', 'whose sub is a number', () => ({ sub: 7 })),
  claim('exp-text', 'whose exp is text', () => ({ exp: 'tomorrow' })),
  claim('expired', 'that expired 90 seconds ago', () => ({ iat: seconds(-300), exp: seconds(-90) })),
  claim('iat-future', 'of 90 seconds from now', () => ({ iat: seconds(90), exp: seconds(300) })),
  claim('nbf-future', 'that is not valid yet', () => ({ nbf: seconds(90) })),
  claim('iat-old', 'that is an hour old', () => ({ iat: seconds(-3600) })),
  clock('clock-ahead-60s', '60 seconds ahead', 60, 'accepted'),
  clock('clock-behind-60s', '60 seconds behind', -60, 'accepted'),
  clock('clock-ahead-10min', '10 minutes ahead', 600, 'invalid'),
  clock('clock-behind-10min', '10 minutes behind', -600, 'invalid'),
  {
    name: 'expired-a-moment-ago',
    words: 'a token that expired half a minute ago',
    outcome: 'accepted',
    bend: withClaims(() => ({ iat: seconds(-300), exp: seconds(-30) })),
  },
  claim('logout-claims', 'that tells of a logout, as a logout token does (events)', () => ({ events: LOGOUT })),
  typed('logout', 'logout tokens', 'logout+jwt'),
  typed('access', 'access tokens', 'application/at+JWT'),
  {
    name: 'type-jwt',
    words: 'a token that says it is a JWT',
    outcome: 'accepted',
    bend: ({ idp }) => {
      idp.faults.header = (header) => ({ ...header, typ: 'JWT' })
    },
  },
  fault('alg-none', 'without a signature', {
    sign: (claims, header) => `${part({ ...header, alg: 'none' })}.${part(claims)}.`,
  }),
  fault('alg-none-signed', 'that says "none" and carries a signature', {
    sign: async (claims, header, key) => {
      const signed = await new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey)
      return `${part({ ...header, alg: 'none' })}.${signed.split('.').slice(1).join('.')}`
    },
  }),
  fault('alg-hs256-public-key', 'signed with the public key as a shared secret', {
    ...signedBy(({ publicKey }) => exportSPKI(publicKey)),
  }),
  {
    name: 'alg-hs256-client-secret',
    words: 'a token signed with the client secret',
    outcome: 'invalid',
    bend: ({ idp }) =>
      void Object.assign(
        idp.faults,
        signedBy(() => idp.clientSecret),
      ),
  },
  {
    name: 'alg-not-advertised',
    words: 'a token signed by RS256 of an IdP that advertises ES256',
    outcome: 'invalid',
    bend: ({ idp }) => {
      idp.metadata.id_token_signing_alg_values_supported = ['ES256']
    },
  },
  fault('signature-changed', 'whose claims were changed after signing', {
    sign: async (claims, header, key) => {
      const [head, , signature] = (await new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey)).split('.')
      return `${head}.${part({ ...claims, name: 'Eve' })}.${signature}`
    },
  }),
  fault('key-other', 'signed by another key under the same key id', {
    sign: async (claims, header) => {
      const { privateKey } = await newKey()
      return new SignJWT(claims).setProtectedHeader(header).sign(privateKey)
    },
  }),
  fault('kid-unknown', 'whose key id is not published', { header: (header) => ({ ...header, kid: 'unknown' }) }),
  {
    name: 'kid-missing',
    words: 'a token without a key id when two keys are published',
    outcome: 'invalid',
    bend: async ({ idp }) => {
      idp.keys.push(await newKey())
      idp.faults.header = () => ({ alg: 'RS256' })
    },
  },
  {
    name: 'kid-twice',
    words: 'a token whose key id stands for two published keys',
    outcome: 'invalid',
    bend: async ({ idp }) => {
      idp.keys.push(await newKey({ kid: idp.keys[0]?.jwk.kid ?? '' }))
    },
  },
  {
    name: 'kid-missing-one-key',
    words: 'a token without a key id when one key is published',
    outcome: 'accepted',
    bend: ({ idp }) => {
      idp.faults.header = () => ({ alg: 'RS256' })
    },
  },
  {
    name: 'keys-none',
    words: 'a token of an IdP that publishes no key',
    outcome: 'invalid',
    bend: ({ idp }) => {
      idp.faults.answer = (endpoint, response) => (endpoint === 'jwks' ? Response.json({ keys: [] }) : response)
    },
  },
]
