/** The table of all cases, for documentation and for whoever looks for one. */
import { answerCases, ECHO_CASES, METADATA_CASES, secretCases } from './answer-cases.ts'
import { CALLBACK_CASES, OPENID_CALLBACK_CASES } from './callback-cases.ts'
import { FORM_CASES } from './form.ts'
import { ID_TOKEN_CASES } from './id-token-cases.ts'
import { LOGOUT_CASES } from './logout.ts'
import { OPENID_REFRESH_CASES } from './refresh-cases.ts'
import { wireCases } from './wire-cases.ts'

export interface CaseRow {
  /** `<endpoint>` in it stands for each endpoint that an adapter asks. */
  readonly name: string
  /** What is wrong. */
  readonly words: string
  /** The reason of the refusal, or what else must come of it. */
  readonly outcome: string
  readonly group: 'answer' | 'id-token' | 'trouble' | 'network' | 'refresh' | 'logout' | 'form'
}

const rows = (group: CaseRow['group'], cases: readonly Omit<CaseRow, 'group'>[]): CaseRow[] =>
  cases.map(({ name, words, outcome }) => ({ group, name, words, outcome }))

/** Once for all endpoints. */
const anywhere = (cases: readonly Omit<CaseRow, 'group'>[]) =>
  cases.map(({ name, words, outcome }) => ({
    name: name.replace('token-', '<endpoint>-'),
    words: words.replace(' at token', ''),
    outcome,
  }))

export const CASES: readonly CaseRow[] = [
  ...rows('answer', [...CALLBACK_CASES, ...OPENID_CALLBACK_CASES]),
  ...rows('id-token', ID_TOKEN_CASES),
  ...rows('trouble', anywhere([...answerCases(['token']), ...secretCases(['token'])])),
  ...rows('trouble', [...ECHO_CASES, ...METADATA_CASES]),
  ...rows('network', anywhere(wireCases(['token']))),
  // Those of a broken answer and of the network are the same again.
  ...rows(
    'refresh',
    OPENID_REFRESH_CASES.filter(({ name }) => !name.startsWith('refresh-token-')),
  ),
  ...rows('logout', LOGOUT_CASES),
  ...rows('form', FORM_CASES),
]
