/** Turns what zod found into problems with a remedy that names what to write. */
import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { Problem } from './problem.ts'
import { keysAt } from './shape.ts'
import { formatPath, problemAt } from './shown.ts'

const NOUNS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

export function problemsOf(issues: readonly z.core.$ZodIssue[], schema: z.ZodType, raw: unknown): Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownSetting([...issue.path, key], keysAt(schema, issue.path)))
    }
    const path = formatPath(issue.path)
    const value = valueAt(raw, issue.path)
    return [problemAt(path, value, remedy(issue, value === undefined))]
  })
}

/** The value is left out on purpose: a mistyped name may hide a secret. */
function unknownSetting(path: readonly PropertyKey[], known: readonly string[]): Problem {
  const name = String(path.at(-1))
  const close = nearest(name, known)
  const advice = close === undefined ? 'Remove it.' : `Did you mean "${close}"?`
  return { path: formatPath(path), remedy: `There is no setting of this name. ${advice}` }
}

function remedy(issue: z.core.$ZodIssue, missing: boolean): string {
  switch (issue.code) {
    case 'invalid_type': {
      const noun = NOUNS[issue.expected] ?? issue.expected
      return missing ? `Add this setting: ${noun}.` : `Write ${noun} here.`
    }
    case 'invalid_value':
      return `Write one of: ${issue.values.map(String).join(', ')}.`
    case 'invalid_union':
      if ('options' in issue && issue.options) return `Write one of: ${issue.options.map(String).join(', ')}.`
      return 'Write an IP address or a range such as 10.0.0.0/8.'
    case 'invalid_format':
      if (issue.format === 'url') return 'Write a whole URL such as https://auth.example.com.'
      return sentence(issue.message)
    case 'invalid_key':
      return sentence(issue.issues[0]?.message ?? issue.message)
    case 'too_small':
      return `Write at least ${bound(Number(issue.minimum) + (issue.inclusive === false ? 1 : 0), issue.origin)}.`
    case 'too_big':
      return `Write at most ${bound(Number(issue.maximum) - (issue.inclusive === false ? 1 : 0), issue.origin)}.`
    default:
      return sentence(issue.message)
  }
}

function bound(limit: number, origin: string): string {
  if (origin === 'string') return limit === 1 ? '1 character' : `${limit} characters`
  if (origin === 'array') return limit === 1 ? '1 entry' : `${limit} entries`
  return String(limit)
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`
}

export function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let here = raw
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined
    here = (here as Record<PropertyKey, unknown>)[part]
  }
  return here
}
