/**
 * Replaces `${env:NAME}` and `${file:/path}` inside every string of a configuration, once: what comes out of a reference
 * is never read as a reference again. `$${` stands for a literal `${`.
 *
 * Names of settings are left alone. A value read from a file is a secret by definition: its path is reported, so that
 * nobody shows it.
 */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem } from './problem.ts'
import { formatPath } from './shown.ts'

export interface ReferenceSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that relative file references start from. */
  readonly folder: string
}

export interface Resolved {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Paths whose text is one reference and nothing else; such a text may stand for a number or a boolean. */
  readonly whole: ReadonlySet<string>
  readonly fromFile: ReadonlySet<string>
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g
const MAX_BYTES = 65_536

export function resolveReferences(value: unknown, source: ReferenceSource): Resolved {
  const problems: Problem[] = []
  const whole = new Set<string>()
  const fromFile = new Set<string>()

  const replace = (text: string, path: string): string => {
    if (/^\$\{[^}]*\}$/.test(text)) whole.add(path)
    return text.replace(REFERENCE, (found: string, body: string | undefined) => {
      if (body === undefined) return '${'
      if (body.startsWith('file:')) fromFile.add(path)
      const result = found.endsWith('}') ? look(body, source) : { remedy: 'Close the reference with "}".' }
      if ('text' in result) return result.text
      problems.push({ path, remedy: result.remedy })
      return found
    })
  }
  const walk = (node: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof node === 'string') return replace(node, formatPath(path))
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]))
  }
  return { value: walk(value, []), problems, whole, fromFile }
}

function look(body: string, source: ReferenceSource): { text: string } | { remedy: string } {
  const [, kind, name] = /^(env|file):(.*)$/s.exec(body) ?? []
  if (kind === 'env' && name) {
    const text = source.env[name]
    if (text === undefined) return { remedy: `Set the environment variable ${name}; it is not set.` }
    if (text === '') return { remedy: `Give the environment variable ${name} a value; it is empty.` }
    return { text }
  }
  if (kind === 'file' && name) return readText(resolve(source.folder, name))
  return { remedy: `Write \${env:NAME} or \${file:/path}. For a literal "\${" write "$\${".` }
}

function readText(file: string): { text: string } | { remedy: string } {
  try {
    if (statSync(file).size > MAX_BYTES)
      return { remedy: `The file ${file} is larger than 64 KiB. Is it the right one?` }
    return { text: readFileSync(file, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    if (code === 'ENOENT') return { remedy: `Create the file ${file}; it does not exist.` }
    return { remedy: `Make ${file} a file that this process may read (${code}).` }
  }
}
