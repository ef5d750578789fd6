/** Which ID tokens the adapter believes. */
import { expect } from 'chai'
import { exportSPKI, SignJWT } from 'jose'
import type { z } from 'zod'
import { type FakeIdp, type Faults, newKey } from '../../support/fake-idp.ts'
import { newLogin } from '../../support/login.ts'
import { type Bench, bench, type ContractSubject, refused, signIn } from './bench.ts'

export function idTokenContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('the ID token', () => {
    let lab: Bench
    let idp: FakeIdp

    beforeEach(async () => {
      lab = await bench(subject)
      idp = lab.idp
    })

    const refuses = (faults: Faults) => {
      idp.faults = faults
      return refused(signIn(lab), idp, 'invalid')
    }

    const without = (claim: string) => (claims: Record<string, unknown>) => {
      const { [claim]: _, ...rest } = claims
      return rest
    }
    const seconds = (offset: number) => Math.floor(Date.now() / 1000) + offset

    for (const claim of ['iss', 'sub', 'aud', 'exp', 'iat', 'nonce']) {
      it(`is refused without ${claim}`, () => refuses({ claims: without(claim) }))
    }

    for (const [words, change] of [
      ['of another login (nonce)', () => ({ nonce: newLogin().nonce })],
      ['for another client', () => ({ aud: 'other-client' })],
      ['for several clients without azp', () => ({ aud: [subject.idp.clientId, 'other-client'] })],
      ['given to another client (azp)', () => ({ aud: [subject.idp.clientId, 'other'], azp: 'other' })],
      ['of another issuer', () => ({ iss: 'https://evil.test' })],
      ['that expired 90 seconds ago', () => ({ iat: seconds(-300), exp: seconds(-90) })],
      ['of 90 seconds from now', () => ({ iat: seconds(90), exp: seconds(300) })],
      ['that is not valid yet', () => ({ nbf: seconds(90) })],
      ['that is an hour old', () => ({ iat: seconds(-3600) })],
    ] as const) {
      it(`is refused ${words}`, () => refuses({ claims: (claims) => ({ ...claims, ...change() }) }))
    }

    it('is accepted when clocks differ by half a minute', async () => {
      idp.faults.claims = (claims) => ({ ...claims, iat: seconds(30), nbf: seconds(30) })
      await signIn(lab)
      idp.faults.claims = (claims) => ({ ...claims, iat: seconds(-300), exp: seconds(-30) })
      await signIn(lab)
    })

    it('is refused without a signature', async () => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      await refuses({ sign: (claims, header) => `${part({ ...header, alg: 'none' })}.${part(claims)}.` })
    })

    it('is refused when signed with the public key as a shared secret', () =>
      refuses({
        sign: async (claims, header, key) => {
          const secret = new TextEncoder().encode(await exportSPKI(key.publicKey))
          return new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret)
        },
      }))

    it('is refused when signed with the client secret', () =>
      refuses({
        sign: (claims, header) =>
          new SignJWT(claims)
            .setProtectedHeader({ ...header, alg: 'HS256' })
            .sign(new TextEncoder().encode(subject.idp.clientSecret.padEnd(32, '.'))),
      }))

    it('is refused when signed by another key under the same key id', async () => {
      const { privateKey } = await newKey()
      await refuses({ sign: (claims, header) => new SignJWT(claims).setProtectedHeader(header).sign(privateKey) })
    })

    it('is refused when its key id is not published', () =>
      refuses({ header: (header) => ({ ...header, kid: 'unknown' }) }))

    it('is refused without a key id when there are two keys', async () => {
      idp.keys.push(await newKey())
      await refuses({ header: () => ({ alg: 'RS256' }) })
    })

    it('is verified with a key that was rotated in after the keys were read', async () => {
      await signIn(lab)
      await idp.rotateKeys()
      expect((await signIn(lab)).subject).to.equal(subject.subject)
      expect(idp.count('jwks')).to.equal(2)
    })

    it('is read at the time of the host', async () => {
      let ahead = 0
      lab = await bench(subject, () => new Date(Date.now() + ahead))
      await signIn(lab)
      ahead = 600_000
      await refused(signIn(lab), lab.idp, 'invalid')
    })
  })
}
