/**
 * How settings are named and shown to people. A secret value is never shown, and neither is a password inside a URL.
 */
import type { Problem } from './problem.ts'

const SECRET_KEY = /secret|password|token|key/i
/** Names that match the pattern above, and hold nothing that could be misused. */
const PLAIN_KEY = /(Seconds|Method)$|^tokens$|^limits\.token$/

/** `resources[0].scopes["files:read"]`: the way the setting would be reached in JavaScript. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`
    else text += `[${withoutPasswords(JSON.stringify(String(part)))}]`
  }
  return text
}

/** A URL that may hold a password, and more of that kind in its query. */
const SECRET_URL = 'store.url'

export function isSecretPath(path: string): boolean {
  if (path === SECRET_URL) return true
  return path.split(/[.[\]]/).some((key) => SECRET_KEY.test(key) && !PLAIN_KEY.test(key)) && !PLAIN_KEY.test(path)
}

/** A value as one short line, or `***` when the setting is a secret. Undefined for an absent value. */
export function shown(path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (isSecretPath(path)) return '***'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a mapping'
  const text = withoutPasswords(JSON.stringify(value))
  return text.length > 120 ? `${text.slice(0, 119)}…` : text
}

/** Of URLs; whole in one of a database, wherever it was written by mistake: a password in it may hold any character. */
function withoutPasswords(text: string): string {
  return text.replace(/mongodb(\+srv)?:.*"/gis, 'mongodb$1://***"').replace(/\/\/[^/@\s"]*@/g, '//***@')
}

export function problemAt(path: string, value: unknown, remedy: string): Problem {
  const text = shown(path, value)
  return { path, ...(text !== undefined && { value: text }), remedy }
}
