/** What the routes of this folder are made of. */
import type { Challenges } from '../idp/challenges.ts'
import type { OpenIdp } from '../idp/registry.ts'
import type { Pages } from '../pages/index.ts'
import type { Logos } from '../pages/logos.ts'
import type { Attempts } from './attempt.ts'
import type { BrowserBinding } from './browser.ts'
import type { FormGuard } from './form-guard.ts'
import type { LastIdp } from './last-idp.ts'
import type { AuthorizationPort } from './port.ts'

export interface InteractionParts {
  readonly base: string
  readonly port: AuthorizationPort
  readonly attempts: Attempts
  readonly challenges: Pick<Challenges, 'pending' | 'met' | 'refused'>
  /** The account of a user of an IdP. */
  readonly accountId: (idp: string, subject: string) => string
  readonly browser: BrowserBinding
  readonly idps: ReadonlyMap<string, OpenIdp>
  readonly lastIdp: LastIdp
  readonly forms: FormGuard
  readonly pages: Pages
  readonly logos: Logos
}
