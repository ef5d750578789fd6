/**
 * Texts as every engine can keep them. SQLite's drivers cut a text at NUL when they read it, and UTF-8 has no lone
 * surrogates, so two texts could become one. Such texts are kept as JSON behind a control character, which no other
 * text can start with.
 */

const UNSAFE = /[\p{Cc}\p{Cs}]/u
const ESCAPED = '\u0001'

export function text(value: string): string {
  return UNSAFE.test(value) ? ESCAPED + JSON.stringify(value) : value
}

export function fromText(value: string): string {
  return value.startsWith(ESCAPED) ? (JSON.parse(value.slice(1)) as string) : value
}
