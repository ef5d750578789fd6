/** What may come of asking the IdP again, after a sign-in in which everything was in order. */
import type { Refusal } from '../../../src/adapter.ts'
import type { Endpoint } from '../../support/fake-idp.ts'
import { answerCases } from './answer-cases.ts'
import type { Bench } from './bench.ts'
import type { Case } from './case.ts'
import { ID_TOKEN_CASES } from './id-token-cases.ts'

export interface RefreshCase extends Omit<Case, 'outcome'> {
  /**
   * `ended`: the user's access is over (`denied`, `not_allowed`). `open`: nothing is known, so nothing ends
   * (`unavailable`, `invalid`). `refused`: any refusal. `kept`: the same user, or nothing known.
   */
  readonly outcome: 'ended' | 'open' | 'refused' | 'kept' | Refusal
}

const at = (endpoint: Endpoint, status: number, body: object) => (lab: Bench) => {
  lab.idp.faults.answer = (where, response) => (where === endpoint ? Response.json(body, { status }) : response)
}

const error = (code: string, outcome: RefreshCase['outcome']): RefreshCase => ({
  name: `refresh-${code.replaceAll('_', '-')}`,
  words: `an IdP that answers ${code}`,
  outcome,
  bend: at('token', 400, { error: code }),
})

const ofAnswer = (endpoints: readonly Endpoint[]) =>
  answerCases(endpoints).map(
    ({ name, words, bend, outcome }): RefreshCase => ({
      name: `refresh-${name}`,
      words,
      // A broken answer says nothing about the user.
      outcome: outcome === 'unavailable' ? outcome : 'open',
      bend,
    }),
  )

/** The user has lost their sessions, in every way that an IdP has. */
export const ENDED: RefreshCase = {
  name: 'refresh-ended',
  words: 'a user whose sessions the IdP has ended',
  outcome: 'ended',
  bend: ({ idp }) => idp.endSessions(),
}

/** A bad ID token is as bad as at the sign-in. There is no nonce to compare any more. */
const TOKENS = new Set(
  'alg-none alg-hs256-public-key alg-hs256-client-secret key-other kid-unknown audience-other azp-other issuer-other'
    .concat(' sub-empty exp-claim-missing expired iat-future logout-claims type-logout')
    .split(' '),
)

export const OPENID_REFRESH_CASES: readonly RefreshCase[] = [
  ENDED,
  error('invalid_grant', 'ended'),
  error('interaction_required', 'ended'),
  // It is we who are not let in, and an administrator who must act: no reason to turn all users out.
  error('invalid_client', 'open'),
  error('unauthorized_client', 'open'),
  error('temporarily_unavailable', 'unavailable'),
  error('server_error', 'unavailable'),
  ...ofAnswer(['token']),
  {
    name: 'refresh-other-user',
    words: 'an answer that names another user',
    outcome: 'refused',
    // Whatever the adapter knows its users by.
    bend: ({ idp }) => {
      idp.user = { ...idp.user, sub: 'somebody-else', oid: '00000000-0000-4000-8000-000000000000' }
    },
  },
  {
    name: 'refresh-without-id-token',
    words: 'an answer without an ID token (OpenID Connect Core section 12.2)',
    outcome: 'kept',
    bend: ({ idp }) => {
      idp.faults.tokens = ({ id_token: _, ...rest }) => rest
    },
  },
  ...ID_TOKEN_CASES.filter(({ name }) => TOKENS.has(name)).map(
    ({ name, words, bend }): RefreshCase => ({ name: `refresh-${name}`, words, outcome: 'refused', bend }),
  ),
]

export const OAUTH2_REFRESH_CASES: readonly RefreshCase[] = [ENDED, ...ofAnswer(['api'])]
