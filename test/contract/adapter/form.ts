/**
 * What an adapter must do whose first step is a form: nobody stands between it and the browser, so the state and the
 * parameters of the answer are its own to check. The one for adapters that redirect is `adapter.contract.ts`.
 */
import { inspect } from 'node:util'
import { expect } from 'chai'
import type { z } from 'zod'
import {
  type AdapterType,
  type Host,
  type Identity,
  isLoginRefused,
  type Login,
  type Refusal,
} from '../../../src/adapter.ts'
import { testHost } from '../../support/host.ts'
import { newLogin } from '../../support/login.ts'

export interface FormSubject<Options extends z.ZodType> {
  readonly type: AdapterType<Options>
  /** Options as in the configuration. */
  readonly options: z.input<Options>
  /** What somebody who may sign in fills in, by the names of the fields. */
  readonly answers: Readonly<Record<string, string>>
  /** Who that is. */
  readonly subject: string
  /** What the adapter reaches. By default nothing. */
  readonly host?: Partial<Host>
}

interface Sent {
  readonly form: URLSearchParams
  readonly url: URL
  method: 'GET' | 'POST'
}

export interface FormCase {
  readonly name: string
  readonly words: string
  readonly outcome: Refusal | 'refused'
  readonly bend: (sent: Sent, fields: readonly string[]) => void
}

const wrong = (name: string, words: string, bend: FormCase['bend'], outcome: FormCase['outcome'] = 'invalid') =>
  ({ name: `form-${name}`, words, outcome, bend }) satisfies FormCase

const inEachField =
  (change: (form: URLSearchParams, field: string) => void): FormCase['bend'] =>
  ({ form }, fields) => {
    for (const field of fields) change(form, field)
  }

const answered = (name: string, words: string, answer: string) =>
  wrong(
    name,
    words,
    inEachField((form, field) => form.set(field, answer)),
    'refused',
  )

export const FORM_CASES: readonly FormCase[] = [
  wrong('state-missing', 'a form without state', ({ form }) => form.delete('state')),
  wrong('state-other', 'a form with the state of another login', ({ form }) => form.set('state', newLogin().state)),
  wrong('state-twice', 'a form with its state twice', ({ form }) => form.append('state', form.get('state') ?? '')),
  wrong('state-in-address', 'a form whose state stands in its address alone', ({ form, url }) => {
    url.searchParams.set('state', form.get('state') ?? '')
    form.delete('state')
  }),
  wrong('link', 'a link in place of a form', (sent) => {
    sent.url.search = sent.form.toString()
    sent.method = 'GET'
  }),
  wrong(
    'field-missing',
    'a form without an answer',
    inEachField((form, field) => form.delete(field)),
    'refused',
  ),
  wrong(
    'field-twice',
    'a form with an answer twice',
    inEachField((form, field) => form.append(field, form.get(field) ?? '')),
    'refused',
  ),
  answered('field-empty', 'a form with an empty answer', ''),
  answered('field-proto', 'a form with __proto__ for an answer', '__proto__'),
  answered('field-constructor', 'a form with constructor for an answer', 'constructor'),
  answered('field-long', 'a form with an answer of 60,000 characters', 'x'.repeat(60_000)),
]

export function formContract<Options extends z.ZodType>(name: string, subject: FormSubject<Options>): void {
  const { type, options, answers } = subject
  const open = (host: Partial<Host> = {}) =>
    type.open(type.options.parse(options), testHost({ ...subject.host, ...host }))

  /** Fills in the form and posts it, as the browser would but for what is bent. */
  async function fillIn(login: Login, bend?: FormCase['bend']): Promise<Identity> {
    const adapter = open()
    const step = await adapter.start(login)
    if (step.kind !== 'form') throw new Error('the first step is no form')
    const form = new URLSearchParams({ ...answers, state: login.state })
    const sent: Sent = { form, url: new URL(login.redirectUri), method: 'POST' }
    bend?.(
      sent,
      step.fields.map((field) => field.name),
    )
    const body = sent.method === 'POST' ? { body: sent.form } : undefined
    return adapter.finish(login, new Request(sent.url, { method: sent.method, ...body }))
  }

  describe(`${name}: the contract of adapters with a form`, () => {
    it('form-start: shows the same form as often as it is asked, before it reaches for anything', async () => {
      let reached = 0
      const fetch = () => {
        reached += 1
        return Promise.reject(new Error('nobody may fetch here'))
      }
      const login = newLogin()
      const adapter = open({ fetch })
      const [first, again] = [await adapter.start(login), await adapter.start(login)]
      expect(again).to.deep.equal(first)
      expect([first.kind, reached]).to.deep.equal(['form', 0])
      const fields = first.kind === 'form' ? first.fields.map((field) => field.name) : []
      expect(fields).to.have.members(Object.keys(answers)).and.not.include('state')
    })

    it('form-good: names the user, and the same one the next time', async () => {
      const subjects = [(await fillIn(newLogin())).subject, (await fillIn(newLogin())).subject]
      expect(subjects).to.deep.equal([subject.subject, subject.subject])
    })

    for (const { name: label, words, outcome, bend } of FORM_CASES) {
      it(`${label}: ${words} is refused${outcome === 'refused' ? '' : ` as ${outcome}`}`, async () => {
        const login = newLogin()
        const thrown = await fillIn(login, bend).catch((error: unknown) => error)
        if (!isLoginRefused(thrown)) throw new Error(`expected a refusal, got ${inspect(thrown)}`)
        if (outcome !== 'refused') expect(thrown.reason, thrown.message).to.equal(outcome)
        const shown = inspect(thrown, { depth: 12, showHidden: true })
        for (const secret of [login.state, login.nonce, login.codeVerifier]) expect(shown).not.to.contain(secret)
      })
    }
  })
}
