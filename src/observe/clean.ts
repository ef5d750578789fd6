/**
 * What may reach a log line: no credential, no query string, and no character that could start a line of its own. Where
 * lines go is the business of `log.ts`.
 */
import { ERRORS } from '../errors.ts'

/** Keys are compared without case, hyphens and underscores. */
const SECRET_KEYS = new Set(
  ['authorization proxyauthorization cookie setcookie dpop password secret clientsecret code usercode devicecode']
    .concat('codeverifier token accesstoken refreshtoken idtoken subjecttoken actortoken registrationaccesstoken')
    .concat('assertion clientassertion state nonce apikey xapikey privatekey cookies')
    .flatMap((line) => line.split(' ')),
)

const MAX_TEXT = 2000
const MAX_DEPTH = 6
const MAX_ENTRIES = 100

/** A copy that holds only plain values and none that its key calls a secret. */
export function clean(value: unknown, ancestors: readonly object[] = []): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? '[function]' : value
  if (ancestors.includes(value)) return '[circular]'
  if (ancestors.length >= MAX_DEPTH) return '[deep]'
  try {
    return cleanObject(value, [...ancestors, value])
  } catch {
    // What an adapter threw may break on being read, and must not take the line with it.
    return '[unreadable]'
  }
}

function cleanObject(value: object, below: readonly object[]): unknown {
  if (value instanceof Error) return cleanError(value, below)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString()
  if (value instanceof URL) return cleanText(value.href)
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => clean(item, below))
  const prototype: unknown = Object.getPrototypeOf(value)
  // Requests, headers, buffers and keys hold far more than anyone meant to log.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor?.name ?? 'object'}]`
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ENTRIES)
      .map(([key, item]) => [cleanText(key), isSecret(key, item) ? '***' : clean(item, below)]),
  )
}

function isSecret(key: string, value: unknown): boolean {
  if (value === undefined || value === null) return false
  // The codes of our own table are called `code` like those that must never be seen.
  if (key === 'code' && typeof value === 'string' && Object.hasOwn(ERRORS, value)) return false
  return SECRET_KEYS.has(key.toLowerCase().replace(/[-_]/g, ''))
}

/** Only what is known to be harmless: HTTP libraries hang whole requests, credentials included, on their errors. */
function cleanError(error: Error, ancestors: readonly object[]): Record<string, unknown> {
  const { code, reason, status, errors } = error as {
    code?: unknown
    reason?: unknown
    status?: unknown
    errors?: unknown
  }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line))
  return {
    type: cleanText(error.name),
    message: cleanText(error.message),
    // Named otherwise than `code`, which is hidden everywhere: an authorization code is one too.
    ...(isLabel(code) && { errorCode: code }),
    ...(isLabel(reason) && { reason }),
    ...(typeof status === 'number' && { status }),
    ...(frames.length > 0 && { at: frames.slice(0, 20).map((frame) => cleanText(frame.trim().slice(3))) }),
    ...(error.cause !== undefined && { cause: clean(error.cause, ancestors) }),
    ...(Array.isArray(errors) && { errors: errors.slice(0, 5).map((each) => clean(each, ancestors)) }),
  }
}

/** A name that a programmer gave, such as `ECONNREFUSED` or `not_allowed`, and nothing that came over the wire. */
function isLabel(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z_]{1,47}$/.test(value)
}

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
const QUERY = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*|(?:^|\s)\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi
const USER = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi
const PARAMETER =
  /\b(code|state|nonce|code_verifier|client_secret|client_assertion|assertion|password|(?:access_|refresh_|id_)?token)=[^\s&"'<>]+/gi
const SCHEME = /\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9\-._~+/]{8,}=*/gi
const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*/g

/** One line without control characters, query strings, and what looks like a credential. */
export function cleanText(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
  return cut
    .replace(QUERY, '$1?***')
    .replace(USER, '$1***@')
    .replace(PARAMETER, '$1=***')
    .replace(SCHEME, '$1 ***')
    .replace(JWT, '***')
    .replace(CONTROL, (found) =>
      JSON.stringify(found)
        .slice(1, -1)
        .replace(/^[\s\S]$/, escapeUnicode),
    )
}

function escapeUnicode(found: string): string {
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
}
