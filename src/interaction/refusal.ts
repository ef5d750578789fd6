/**
 * What a refused sign-in becomes: the page for the user and the answer for the client. An adapter is trusted, yet its words
 * may come from an IdP's answer: they are cleaned here. A challenge that is worth another try is `idp/challenges.ts`.
 */
import type { LoginRefused, Refusal } from '../adapter.ts'
import { ERRORS, type ErrorCode, Failure, type FailureWords, readable, type WayBack } from '../errors.ts'
import { reasonOf, refusalOf } from '../idp/refusals.ts'
import { plainText } from '../pages/text.ts'
import { parseUrl } from '../url.ts'
import type { Denial } from './port.ts'

interface Outcome {
  readonly code: ErrorCode
  readonly denial: Denial
  /** For the client. */
  readonly description: string
}

const OUTCOMES: Readonly<Record<Refusal, Outcome>> = {
  denied: { code: 'idp_denied', denial: 'access_denied', description: 'the user did not sign in' },
  not_allowed: { code: 'idp_not_allowed', denial: 'access_denied', description: 'the user may not use this server' },
  unavailable: {
    code: 'idp_unavailable',
    denial: 'temporarily_unavailable',
    description: 'the identity provider does not answer',
  },
  invalid: { code: 'idp_invalid', denial: 'server_error', description: 'the sign-in could not be verified' },
}

/** Characters. */
const MAX_LINK = 2048

export function outcomeOf(refused: LoginRefused): Outcome {
  return OUTCOMES[reasonOf(refused)]
}

/** The page for what an adapter threw. @param message for the log */
export function refusalFailure(cause: unknown, message: string, back?: WayBack): Failure {
  const refused = refusalOf(cause)
  if (!refused) return new Failure('internal', message, { cause })
  const { code } = outcomeOf(refused)
  return new Failure(code, message, { cause, back, words: readable(() => wordsOf(refused.advice, code)) })
}

/** The adapter's words, each in the place of ours; ours where it has none that can be read. */
function wordsOf(advice: unknown, code: ErrorCode): FailureWords | undefined {
  if (typeof advice !== 'object' || advice === null) return undefined
  const { title, words, remedy, link } = advice as Readonly<Record<string, unknown>>
  const clean = (text: unknown, fallback: string, longest: number) =>
    plainText(typeof text === 'string' ? text : undefined, fallback, longest)
  const address = linkOf(link)
  return {
    title: clean(title, ERRORS[code].title, 120),
    words: clean(words, ERRORS[code].words, 600),
    remedy: clean(remedy, ERRORS[code].remedy, 600),
    ...(address ? { link: { url: address.url, label: clean(address.label, 'Open the address', 80) } } : undefined),
  }
}

/** Https only, without a user name that would make it look like another host, and in ASCII, so that what people read is
 * where they go. */
function linkOf(link: unknown): { readonly url: string; readonly label: unknown } | undefined {
  if (typeof link !== 'object' || link === null) return undefined
  const { url, label } = link as Readonly<Record<string, unknown>>
  const parsed = typeof url === 'string' && url.length <= MAX_LINK ? parseUrl(url) : undefined
  if (parsed?.protocol !== 'https:' || parsed.username !== '' || parsed.password !== '') return undefined
  return { url: parsed.href, label }
}
