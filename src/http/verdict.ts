/** What an error thrown anywhere in the stack means: which page, which status, and what the operator gets to read. */
import { ERRORS, type ErrorCode, Failure, readable } from '../errors.ts'
import { isStoreUnavailable } from '../store.ts'
import type { Context } from './state.ts'

export interface Verdict {
  readonly code: ErrorCode
  readonly status: number
  readonly level: 'info' | 'warn' | 'error'
}

const MAX_CAUSES = 5
const MAX_TEXT = 500
const CLIENT_GONE = new Set<unknown>(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])
const HTTP_CODES: Readonly<Record<number, ErrorCode>> = {
  404: 'not_found',
  421: 'misdirected',
  429: 'too_many_requests',
  503: 'unavailable',
}

/** Classifies an error. Whatever is not known to be someone else's doing is `internal`. */
export function judge(error: unknown, ctx: Context): Verdict {
  return readable(() => judged(error, ctx)) ?? verdict('internal')
}

function judged(error: unknown, ctx: Context): Verdict {
  if (isFailure(error)) return verdict(error.code)
  if (chain(error).some(isStoreUnavailable)) return verdict('unavailable')
  // A malformed percent-encoding in the address.
  if (error instanceof URIError) return verdict('bad_request')
  if (!(error instanceof Error)) return verdict('internal')
  // The client hung up: nobody reads the answer, and nothing here is broken.
  if ('code' in error && CLIENT_GONE.has(error.code) && !ctx.writable) {
    return { code: 'bad_request', status: 400, level: 'info' }
  }
  const status = 'status' in error && 'expose' in error ? error.status : undefined
  if (typeof status !== 'number') return verdict('internal')
  const code = HTTP_CODES[status]
  if (code !== undefined) return verdict(code)
  return status >= 400 && status < 500 ? { ...verdict('bad_request'), status } : verdict('internal')
}

function verdict(code: ErrorCode): Verdict {
  const { status } = ERRORS[code]
  const level =
    status >= 500 || code === 'idp_unavailable'
      ? 'error'
      : code === 'not_found' || code === 'cancelled'
        ? 'info'
        : 'warn'
  return { code, status, level }
}

/** A {@link Failure}, also one of another copy of this package. */
function isFailure(error: unknown): error is Failure {
  if (error instanceof Failure) return true
  return (
    error instanceof Error &&
    error.name === 'Failure' &&
    'code' in error &&
    typeof error.code === 'string' &&
    Object.hasOwn(ERRORS, error.code)
  )
}

function chain(error: unknown): unknown[] {
  const links: unknown[] = []
  let link = error
  while (link !== undefined && link !== null && links.length < MAX_CAUSES) {
    links.push(link)
    const here = link
    link = readable(() => (here instanceof Error ? here.cause : undefined))
  }
  return links
}

/** The fields of the log line. Never the query string, a header or a body. */
export function logFields(error: unknown, { code, status }: Verdict, ctx: Context): Record<string, unknown> {
  return {
    reference: ctx.state.reference,
    code,
    method: ctx.method,
    path: loggedPath(ctx.originalUrl),
    status,
    causes: chain(error).map((link) => readable(() => describe(link)) ?? '(an error that cannot be read)'),
    operator: ERRORS[code].operator,
    ...(code === 'internal' ? readable(() => error instanceof Error && { stack: stackOf(error) }) : undefined),
  }
}

function describe(link: unknown): string {
  if (!(link instanceof Error)) return printable(String(link))
  const message = link.message || ('code' in link ? String(link.code) : '')
  return printable(link.name === 'Failure' ? message : `${link.name}: ${message}`)
}

function stackOf(error: Error): string[] {
  // The frames only: the message is in `causes`, where it has been made safe to print.
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .map((line) => printable(line.trim()))
}

/** The path with long identifiers masked: an interaction's id is also the value of its cookie. */
function loggedPath(target: string): string {
  if (!target.startsWith('/')) return '(not a path)'
  const [path = ''] = target.split(/[?#]/, 1)
  return printable(path.replace(/[^/]{20,}/g, (segment) => (/[0-9A-Z]/.test(segment) ? ':id' : segment)))
}

/** Cuts the text, drops the query strings of URLs in it, and escapes what could forge log lines or drive a terminal. */
function printable(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(/(https?:\/\/[^\s?#'"]*)[?#][^\s'"]*/g, '$1')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
