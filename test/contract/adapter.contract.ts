/**
 * What every adapter must do, shown against an IdP that misbehaves on demand. Call {@link adapterContract} from the
 * adapter's own test file; what is special about the adapter is tested there. For one whose first step is a form, call
 * {@link formContract} instead.
 *
 * Each misbehaviour is a named case, a row of `adapter/*-cases.ts`; {@link CASES} is the table of them all. Most are shown
 * by a `fetch`, those of the network over real connections on loopback through the guarded fetch of the product.
 */
import type { z } from 'zod'
import type { ContractSubject } from './adapter/bench.ts'
import { idTokenContract } from './adapter/id-token.ts'
import { logoutContract } from './adapter/logout.ts'
import { outageContract } from './adapter/outages.ts'
import { redirectContract } from './adapter/redirects.ts'
import { refreshContract } from './adapter/refresh.ts'
import { wireContract } from './adapter/wire.ts'

export { type Bench, bench, type ContractSubject, redirectOf, refused, signIn } from './adapter/bench.ts'
export { CASES } from './adapter/cases.ts'
export { type FormSubject, formContract } from './adapter/form.ts'

export function adapterContract<Options extends z.ZodType>(name: string, subject: ContractSubject<Options>): void {
  describe(`${name}: the adapter contract`, function () {
    // RSA keys are made first, which takes a while on a busy machine.
    this.timeout(20_000)
    redirectContract(subject)
    if (!subject.idp.oauth2) idTokenContract(subject)
    outageContract(subject)
    wireContract(subject)
    refreshContract(subject)
    logoutContract(subject)
  })
}
