/**
 * Reads YAML strictly: one document, no duplicate keys, no aliases (they can make a small file huge) and no tags.
 *
 * Messages are our own, because those of the parser quote the source, and a line of a configuration can hold a secret.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type YAMLError } from 'yaml'
import type { Problem } from './problem.ts'
import { formatPath } from './shown.ts'

export interface YamlText {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** The line on which a setting is written, or the nearest setting around it. */
  lineOf(path: string): number | undefined
}

const MAX_CHARACTERS = 1_000_000

const REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'This setting is written twice. Keep one of the two.',
  TAB_AS_INDENT: 'Indent with spaces, not with tabs.',
  BAD_INDENT: 'Indent this line like the lines it belongs to.',
  MISSING_CHAR: 'A closing quote, a bracket, a comma or a colon is missing here.',
  BLOCK_AS_IMPLICIT_KEY: 'Put text that holds ": " in quotes, and each setting on its own line.',
  MULTILINE_IMPLICIT_KEY: 'A colon is missing here.',
  MULTIPLE_DOCS: 'Keep one document in the file: remove the line "---" and what follows.',
  NON_STRING_KEY: 'Write the name of this setting as plain text.',
  TAG_RESOLVE_FAILED: 'Remove the tag that starts with "!".',
  RESOURCE_EXHAUSTION: 'The settings are nested too deeply.',
}

export function parseYaml(text: string): YamlText {
  if (text.length > MAX_CHARACTERS)
    return failed('The file is larger than one million characters. Is it the right one?')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, version: '1.2' })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `line ${line}, column ${col}`
  }
  const problems = mistakesIn(document, place)
  if (problems.length > 0) return { value: undefined, problems, lineOf: () => undefined }
  const value: unknown = document.toJS() ?? {}
  if (!isMap(document.contents) && document.contents !== null) {
    return failed('The file must hold settings such as "issuer: https://auth.example.com".')
  }
  const index = lineIndex(document, lines)
  return { value, problems, lineOf: (path) => lookUp(index, path) }
}

/** Mistakes that leave the rest of the file readable: each stands for itself. */
const SEPARATE = new Set<string>(['DUPLICATE_KEY', 'TAG_RESOLVE_FAILED', 'NON_STRING_KEY'])

/** After a mistake of syntax the parser misreads what follows, so that only the first one tells people something. */
function mistakesIn(document: Document, place: (offset: number) => string): Problem[] {
  const all = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])
  const problem = ({ code, pos }: YAMLError, more = '') => {
    const remedy = REMEDIES[code] ?? 'This is not valid YAML. Check quotes, colons and indentation here.'
    return { path: place(pos[0]), remedy: remedy + more }
  }
  const first = all.find((error) => !SEPARATE.has(error.code))
  if (first) {
    const more = all.length - 1
    return [problem(first, more === 0 ? '' : ` (And ${more} more, which may go away with this one.)`)]
  }
  const problems: Problem[] = all.map((error) => problem(error))
  visit(document, {
    Alias: (_, node) => {
      problems.push({ path: place(node.range?.[0] ?? 0), remedy: 'Write the value out here; aliases are not allowed.' })
    },
  })
  return problems
}

function failed(remedy: string): YamlText {
  return { value: undefined, problems: [{ path: 'line 1', remedy }], lineOf: () => undefined }
}

function lineIndex(document: Document, lines: LineCounter): ReadonlyMap<string, number> {
  const index = new Map<string, number>()
  const note = (path: readonly PropertyKey[], offset: number | undefined) => {
    if (offset !== undefined) index.set(formatPath(path), lines.linePos(offset).line)
  }
  const walk = (node: unknown, path: readonly PropertyKey[]): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (!isScalar(key)) continue
        const below = [...path, String(key.value)]
        note(below, key.range?.[0])
        walk(value, below)
      }
    } else if (isSeq(node)) {
      for (const [position, item] of node.items.entries()) {
        const below = [...path, position]
        if (isScalar(item) || isMap(item) || isSeq(item) || isAlias(item)) note(below, item.range?.[0])
        walk(item, below)
      }
    }
  }
  walk(document.contents, [])
  return index
}

function lookUp(index: ReadonlyMap<string, number>, path: string): number | undefined {
  for (let rest = path; rest !== ''; rest = rest.replace(/(^|\.)[^.[\]]*$|\[[^[\]]*\]$/, '')) {
    const line = index.get(rest)
    if (line !== undefined) return line
    if (!/[.[]/.test(rest)) return undefined
  }
  return undefined
}
