/** The cases of the network, each over real connections through the guarded fetch of the product. */
import { expect } from 'chai'
import type { z } from 'zod'
import { OAUTH2_ENDPOINTS, OPENID_ENDPOINTS } from './answer-cases.ts'
import { type ContractSubject, signIn, wireBench } from './bench.ts'
import { titleOf, tried } from './case.ts'
import { wireCases } from './wire-cases.ts'

export function wireContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('the network', () => {
    let lab: Awaited<ReturnType<typeof wireBench>>

    beforeEach(async () => {
      lab = await wireBench(subject)
    })

    afterEach(() => lab.server.close())

    it('carries a sign-in', async () => {
      expect((await signIn(lab)).subject).to.equal(subject.subject)
      expect(lab.server.count('token')).to.equal(1)
    })

    for (const { bend, endpoint, ...each } of wireCases(subject.idp.oauth2 ? OAUTH2_ENDPOINTS : OPENID_ENDPOINTS)) {
      it(titleOf(each), async () => {
        bend(lab.server)
        await tried(each, subject, lab)
        expect(lab.server.strayed).to.deep.equal([])
        // Neither followed in a circle nor tried again and again.
        expect(lab.server.count(endpoint)).to.be.at.most(1)
      })
    }
  })
}
