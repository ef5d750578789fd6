/** The cases of the network, each over real connections through the guarded fetch of the product. */
import { expect } from 'chai'
import type { z } from 'zod'
import { type IdpServer, idpServer } from '../../support/idp-server.ts'
import { OAUTH2_ENDPOINTS, OPENID_ENDPOINTS } from './answer-cases.ts'
import { type Bench, bench, type ContractSubject, signIn } from './bench.ts'
import { titleOf, tried } from './case.ts'
import { wireCases } from './wire-cases.ts'

export function wireContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  describe('the network', () => {
    let lab: Bench
    let server: IdpServer

    beforeEach(async () => {
      lab = await bench(subject, undefined, async (idp) => {
        server = await idpServer(idp)
        return server.fetch
      })
    })

    afterEach(() => server.close())

    it('carries a sign-in', async () => {
      expect((await signIn(lab)).subject).to.equal(subject.subject)
      expect(server.count('token')).to.equal(1)
    })

    for (const { bend, endpoint, ...each } of wireCases(subject.idp.oauth2 ? OAUTH2_ENDPOINTS : OPENID_ENDPOINTS)) {
      it(titleOf(each), async () => {
        bend(server)
        await tried(each, subject, lab)
        expect(server.strayed).to.deep.equal([])
        // Neither followed in a circle nor tried again and again.
        expect(server.count(endpoint)).to.be.at.most(1)
      })
    }
  })
}
