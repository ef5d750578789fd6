/**
 * Makes text and addresses that a stranger chose safe to read. Escaping is the views' work; this is about what people
 * see: no hidden or reordering characters, no endless names, no host that looks like another one, no link that runs code.
 */
import { domainToUnicode } from 'node:url'
import { isDangerousScheme, isLoopbackHost, parseUrl } from '../url.ts'

const blanks = /[\s\u0085\u2800]+/gu
/** Controls, format and bidi characters, private use, lone surrogates, and letters that print nothing (Hangul fillers). */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu
const stackedMarks = /(\p{M}{3})\p{M}+/gu
const anythingVisible = /[\p{L}\p{N}\p{P}\p{S}]/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * One line of at most `longest` characters (as people count them) from untrusted text, in NFC. The double quotation marks
 * of typography become plain ones, because the views put names between them. `fallback` when nothing visible is left.
 */
export function plainText(text: string | undefined, fallback = 'an unnamed application', longest = 64): string {
  // Cut before looking closer, so that a huge name costs nothing.
  const line = (text ?? '')
    .slice(0, 4096)
    .replace(blanks, ' ')
    .replace(unseen, '')
    .replace(stackedMarks, '$1')
    .replace(/[“”„‟]/g, '"')
    .normalize('NFC')
    .replace(/ +/g, ' ')
    .trim()
  if (!anythingVisible.test(line)) return fallback
  const characters = Array.from(graphemes.segment(line), ({ segment }) => segment)
  return characters.length <= longest
    ? line
    : `${characters
        .slice(0, longest - 1)
        .join('')
        .trimEnd()}…`
}

/** Scripts that may fill a label of a host name alone, and the sets that one language writes together. */
const scripts = [
  ...['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Georgian', 'Hebrew', 'Arabic', 'Thaana', 'Ethiopic', 'Thai', 'Lao'],
  ...['Khmer', 'Myanmar', 'Tibetan', 'Sinhala', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil'],
  ...['Telugu', 'Kannada', 'Malayalam', 'Mongolian', 'Han|Hiragana|Katakana', 'Han|Hangul', 'Han|Bopomofo'],
].map((names) => {
  const letters = names.split('|').map((name) => `\\p{Script_Extensions=${name}}`)
  return new RegExp(`^[${letters.join('')}\\p{Script=Common}\\p{Script=Inherited}]*$`, 'u')
})

/** A host as people read it, and its ASCII form when that differs. */
export interface DisplayHost {
  readonly host: string
  readonly ascii?: string
}

/**
 * The host of an http(s) URL as people read it; for any other URL its scheme, since its host means nothing to anybody
 * but the application. A host with a label that mixes scripts stays in ASCII: its readable form is made to deceive.
 * The port is kept where it belongs to the origin, and left out on this computer, where it is a new one each time.
 */
export function displayHost(url: string | URL): DisplayHost {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') return { host: protocol.slice(0, -1) }
  const suffix = port && !isLoopbackHost(hostname) ? `:${port}` : ''
  const readable = domainToUnicode(hostname)
  const labelsAreClear = readable.split('.').every((label) => scripts.some((script) => script.test(label)))
  if (readable === '' || readable === hostname || !labelsAreClear) return { host: hostname + suffix }
  return { host: readable + suffix, ascii: hostname + suffix }
}

/**
 * The URL when it can be the target of a link or a form, else the empty string. Eta escapes `"` but not `javascript:`.
 * A path is kept when it starts with exactly one slash, so that it stays on this server.
 */
export function safeHref(url: string): string {
  if (/^\/(?![/\\])/.test(url)) return url
  const parsed = parseUrl(url)
  return parsed && !isDangerousScheme(parsed.protocol.slice(0, -1)) ? url : ''
}
