/** What may be wrong with the answer that the browser brings back: state, PKCE, the issuer, parameters and errors. */
import { newLogin } from '../../support/login.ts'
import { type Bench, redirectOf } from './bench.ts'
import type { Case } from './case.ts'

const back =
  (change: (callback: URL, lab: Bench) => void): Case['bend'] =>
  (lab) => {
    lab.idp.faults.back = (callback) => change(callback, lab)
  }

/** Brings the code of another login, as an attacker who started one would. */
async function otherCode({ idp, adapter }: Bench): Promise<void> {
  const other = idp.visit(await redirectOf(adapter, newLogin())).searchParams.get('code') ?? ''
  idp.faults.back = (callback) => callback.searchParams.set('code', other)
}

const fails =
  (error: string, more: Record<string, string> = {}): Case['bend'] =>
  (lab) => {
    lab.idp.faults.back = ({ searchParams }) => {
      searchParams.delete('code')
      for (const [name, value] of Object.entries({ error, ...more })) searchParams.set(name, value)
    }
  }

const errors: Case[] = (
  [
    ['access_denied', 'denied'],
    ['consent_required', 'denied'],
    ['login_required', 'denied'],
    ['interaction_required', 'denied'],
    ['temporarily_unavailable', 'unavailable'],
    ['server_error', 'unavailable'],
    ['invalid_request', 'invalid'],
    ['unauthorized_client', 'invalid'],
    ['no_such_error', 'invalid'],
  ] as const
).map(([error, outcome]) => ({
  name: `error-${error.replaceAll('_', '-')}`,
  words: `an answer with the error ${error}`,
  outcome,
  bend: fails(error, { error_description: 'because\r\nof this' }),
  unspent: true,
  // The operator reads why, on one line.
  message: `${error} because of this`,
}))

/** Cases of every IdP. */
export const CALLBACK_CASES: readonly Case[] = [
  {
    name: 'state-missing',
    words: 'an answer without state',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.delete('state')),
    unspent: true,
  },
  {
    name: 'state-other',
    words: 'an answer with the state of another login',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.set('state', newLogin().state)),
    unspent: true,
  },
  {
    name: 'state-twice',
    words: 'an answer with its state twice',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.append('state', searchParams.get('state') ?? '')),
    unspent: true,
  },
  {
    name: 'code-missing',
    words: 'an answer without a code',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.delete('code')),
    unspent: true,
  },
  {
    name: 'code-twice',
    words: 'an answer with two codes',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.append('code', 'other')),
    unspent: true,
  },
  {
    name: 'parameter-twice',
    words: 'an answer with any parameter twice',
    outcome: 'invalid',
    bend: back((url) => {
      url.search += '&session_state=1&session_state=2'
    }),
    unspent: true,
  },
  {
    name: 'code-of-another-login',
    words: 'a code that was made for another verifier (PKCE)',
    outcome: 'invalid',
    bend: otherCode,
    message: 'invalid_grant',
  },
  {
    name: 'pkce-stripped',
    words: 'a code whose request lost its challenge on the way to the IdP',
    outcome: 'invalid',
    bend: ({ idp }) => {
      idp.faults.out = ({ searchParams }) => {
        searchParams.delete('code_challenge')
        searchParams.delete('code_challenge_method')
      }
    },
    message: 'invalid_grant',
  },
  ...errors,
  {
    name: 'error-and-state-other',
    words: 'an error with the state of another login',
    outcome: 'invalid',
    bend: (lab) => fails('access_denied', { state: newLogin().state })(lab),
    unspent: true,
  },
  {
    name: 'iss-other',
    words: 'an answer of another issuer (mix-up, RFC 9207)',
    outcome: 'invalid',
    bend: back(({ searchParams }) => searchParams.set('iss', 'https://evil.test')),
    unspent: true,
  },
  {
    name: 'iss-twice',
    words: 'an answer with two issuers',
    outcome: 'invalid',
    bend: back((url, { idp }) => {
      url.search += `&iss=${idp.metadata.issuer}&iss=https://evil.test`
    }),
    unspent: true,
  },
  {
    name: 'error-and-iss-other',
    words: 'an error of another issuer',
    outcome: 'invalid',
    bend: fails('access_denied', { iss: 'https://evil.test' }),
    unspent: true,
  },
]

/** Cases of an OpenID provider, which repeats the nonce and may promise to name itself. */
export const OPENID_CALLBACK_CASES: readonly Case[] = [
  {
    name: 'nonce-alone',
    words: 'a code of another login at an IdP that forgets PKCE',
    outcome: 'invalid',
    bend: (lab) => {
      lab.idp.faults.forgetPkce = true
      return otherCode(lab)
    },
    message: 'nonce',
  },
  {
    name: 'iss-present',
    words: 'an answer with the issuer that the metadata promise',
    outcome: 'accepted',
    bend: ({ idp }) => {
      idp.metadata.authorization_response_iss_parameter_supported = true
    },
  },
  {
    name: 'iss-missing',
    words: 'an answer without the issuer that the metadata promise',
    outcome: 'invalid',
    bend: ({ idp }) => {
      idp.metadata.authorization_response_iss_parameter_supported = true
      idp.faults.back = ({ searchParams }) => searchParams.delete('iss')
    },
    unspent: true,
  },
]
