/** Which ID tokens the adapter believes. */
import { expect } from 'chai'
import type { z } from 'zod'
import { bench, type ContractSubject, refused, signIn } from './bench.ts'
import { runCases } from './case.ts'
import { ID_TOKEN_CASES } from './id-token-cases.ts'

export function idTokenContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('the ID token', () => {
    runCases(subject, ID_TOKEN_CASES)

    it('key-rotated: is verified with a key that was rotated in after the keys were read', async () => {
      const lab = await bench(subject)
      await signIn(lab)
      await lab.idp.rotateKeys()
      expect((await signIn(lab)).subject).to.equal(subject.subject)
      expect(lab.idp.count('jwks')).to.equal(2)
    })

    it('key-retired: is refused when its key was rotated out before the keys were read', async () => {
      const lab = await bench(subject)
      const [retired] = lab.idp.keys
      await lab.idp.rotateKeys()
      if (retired) lab.idp.keys.unshift(retired)
      lab.idp.faults.answer = (endpoint, response) =>
        endpoint === 'jwks' ? Response.json({ keys: lab.idp.keys.slice(1).map(({ jwk }) => jwk) }) : response
      await refused(signIn(lab), lab.idp, 'invalid')
    })

    it('host-clock: is read at the time of the host', async () => {
      let ahead = 0
      const lab = await bench(subject, () => new Date(Date.now() + ahead))
      await signIn(lab)
      ahead = 600_000
      await refused(signIn(lab), lab.idp, 'invalid')
    })
  })
}
