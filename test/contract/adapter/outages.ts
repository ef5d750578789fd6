/** What the adapter makes of an IdP that is down, broken or misconfigured. */
import { expect } from 'chai'
import type { z } from 'zod'
import { newLogin } from '../../support/login.ts'
import {
  answerCases,
  ECHO_CASES,
  METADATA_CASES,
  OAUTH2_ENDPOINTS,
  OPENID_ENDPOINTS,
  secretCases,
} from './answer-cases.ts'
import { bench, type ContractSubject, redirectOf, refused, signIn } from './bench.ts'
import { runCases } from './case.ts'

export function outageContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  const openid = !subject.idp.oauth2

  describe('an IdP in trouble', () => {
    runCases(subject, answerCases(openid ? OPENID_ENDPOINTS : OAUTH2_ENDPOINTS))
    runCases(subject, ECHO_CASES)
    runCases(subject, secretCases(openid ? OPENID_ENDPOINTS : OAUTH2_ENDPOINTS))
    if (openid) runCases(subject, METADATA_CASES)

    for (const each of openid ? OPENID_ENDPOINTS : OAUTH2_ENDPOINTS) {
      it(`${each}-recovered: is well again with the next sign-in after ${each} failed`, async () => {
        const lab = await bench(subject)
        lab.idp.faults.answer = (endpoint, response) =>
          endpoint === each ? new Response('', { status: 502 }) : response
        await refused(signIn(lab), lab.idp, 'unavailable')
        await refused(signIn(lab), lab.idp, 'unavailable')
        lab.idp.faults = {}
        expect((await signIn(lab)).subject).to.equal(subject.subject)
      })
    }

    if (openid) {
      it('discovery-daily: is discovered once in a day', async () => {
        let ahead = 0
        const { idp, adapter } = await bench(subject, () => new Date(Date.now() + ahead))
        await redirectOf(adapter, newLogin())
        ahead = 23 * 3_600_000
        await redirectOf(adapter, newLogin())
        expect(idp.count('discovery')).to.equal(1)
        ahead = 25 * 3_600_000
        await redirectOf(adapter, newLogin())
        expect(idp.count('discovery')).to.equal(2)
      })
    }
  })
}
