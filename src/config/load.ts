/**
 * The main file of `config/`: from the text of `consulate.yaml` to a checked configuration, or to every mistake in it at
 * once.
 *
 * Owns the order: YAML, references, shape, rules, logos, IdP options. Leaves the shape to `schema.ts`, the rules to `rules.ts`,
 * finding adapters to `adapters.ts` and the options of IdPs to their adapters. The folder leaves opening IdPs to `idp/`,
 * printing mistakes to `cli/`, and starts nothing. Secret values appear in no problem and in no error.
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { AdapterType } from '../adapter.ts'
import { checkIdps, loadAdapterTypes } from './adapters.ts'
import { problemsOf, valueAt } from './issues.ts'
import { checkLogos } from './logos.ts'
import type { Problem } from './problem.ts'
import { type Resolved, resolveReferences } from './references.ts'
import { checkRules } from './rules.ts'
import { type Config, configSchema, type IdpConfig } from './schema.ts'
import { isMapping, salvage } from './shape.ts'
import { formatPath, isSecretPath, problemAt } from './shown.ts'
import { parseYaml } from './yaml.ts'

export interface LocatedProblem extends Problem {
  /** Counted from 1; absent when the setting is missing from the file altogether. */
  readonly line?: number
}

/** A configuration that cannot be used. `message` counts the mistakes; `problems` holds them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly LocatedProblem[]
  readonly file?: string

  constructor(problems: readonly LocatedProblem[], file?: string) {
    const count = problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`
    super(`${file ?? 'The configuration'} has ${count}`)
    this.problems = problems
    if (file !== undefined) this.file = file
  }
}

export interface ConfigSource {
  /** What relative paths in the configuration start from. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The adapter types that need no module path. */
  readonly adapterTypes: readonly AdapterType[]
  /** Named in errors. */
  readonly file?: string
}

export interface LoadedConfig {
  readonly config: Config
  /** The given adapter types, and those that the configuration names by module. */
  readonly adapterTypes: readonly AdapterType[]
}

/** Reads and checks a configuration file. @throws {ConfigError} */
export async function loadConfig(
  file: string,
  adapterTypes: readonly AdapterType[],
  env: ConfigSource['env'] = process.env,
): Promise<LoadedConfig> {
  const path = resolve(file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    const remedy = code === 'ENOENT' ? 'There is no such file.' : `Make it a file that this process may read (${code}).`
    throw new ConfigError([{ path: '--config', value: JSON.stringify(path), remedy }], path)
  }
  return parseConfig(text, { folder: dirname(path), env, adapterTypes, file: path })
}

/** Checks the text of a configuration. @throws {ConfigError} */
export async function parseConfig(text: string, source: ConfigSource): Promise<LoadedConfig> {
  const yaml = parseYaml(text)
  if (yaml.problems.length > 0) throw new ConfigError(yaml.problems, source.file)
  const references = resolveReferences(yaml.value, source)
  const raw = convertWhole(references)
  const parsed = configSchema.safeParse(raw)
  const sound = salvage(configSchema, raw) ?? {}

  const { types, problems: idpProblems } = await checkAdapters(raw, source)
  const problems = [
    ...references.problems,
    ...(parsed.success ? [] : problemsOf(parsed.error.issues, configSchema, raw)),
    ...checkRules(sound, types),
    ...checkLogos(sound, source.folder),
    ...idpProblems,
  ]
  if (problems.length > 0 || !parsed.success) {
    throw new ConfigError(tidy(problems, references, yaml.lineOf), source.file)
  }
  return { config: withAbsolutePaths(parsed.data, source.folder), adapterTypes: types }
}

/** A reference yields text. Where a number or a boolean is due and the text is nothing but a reference, it is read as
 * one. */
function convertWhole({ value, whole }: Resolved): unknown {
  const parsed = configSchema.safeParse(value)
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code !== 'invalid_type' || !whole.has(formatPath(issue.path))) continue
    const parent = valueAt(value, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>
    const key = issue.path.at(-1) ?? ''
    const text = String(parent[key])
    if (issue.expected === 'boolean' && /^(true|false)$/.test(text)) parent[key] = text === 'true'
    if (['number', 'int'].includes(issue.expected) && /^\d+$/.test(text)) parent[key] = Number(text)
  }
  return value
}

/** Loads adapters and checks the options of each IdP, also of one whose id or name is wrong. */
async function checkAdapters(
  raw: unknown,
  source: ConfigSource,
): Promise<{ types: AdapterType[]; problems: Problem[] }> {
  const types = new Set(source.adapterTypes)
  const problems: Problem[] = []
  const entries = valueAt(raw, ['idps'])
  for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    if (!isMapping(entry) || typeof entry.type !== 'string' || entry.type === '') continue
    const idp: IdpConfig = { id: 'unnamed', name: 'Unnamed', ...entry, type: entry.type }
    try {
      const known = await loadAdapterTypes([idp], source.adapterTypes, source.folder)
      for (const type of known) types.add(type)
      const found = checkIdps([idp], known)
      problems.push(...found.map((each) => ({ ...each, path: each.path.replace('idps[0]', `idps[${index}]`) })))
    } catch (error) {
      problems.push(problemAt(`idps[${index}].type`, idp.type, error instanceof Error ? error.message : String(error)))
    }
  }
  return { types: [...types], problems }
}

/** Leaves one problem per setting where a reference could not be read, hides what must not be shown, adds lines. */
function tidy(
  problems: readonly Problem[],
  references: Resolved,
  lineOf: (path: string) => number | undefined,
): LocatedProblem[] {
  const unresolved = new Set(references.problems.map((problem) => problem.path))
  return problems
    .filter((problem) => !unresolved.has(problem.path) || references.problems.includes(problem))
    .map(({ path, value, remedy }) => {
      const hidden = isSecretPath(path) || references.fromFile.has(path)
      const line = lineOf(path)
      return {
        path,
        ...(value !== undefined && { value: hidden ? '***' : value }),
        remedy,
        ...(line !== undefined && { line }),
      }
    })
    .sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0)
}

function withAbsolutePaths(config: Config, folder: string): Config {
  return {
    ...config,
    ...(config.store.type === 'embedded' && {
      store: { ...config.store, path: resolve(folder, config.store.path) },
    }),
    ...(config.viewsDir !== undefined && { viewsDir: resolve(folder, config.viewsDir) }),
    idps: config.idps.map((idp) => (idp.logo === undefined ? idp : { ...idp, logo: resolve(folder, idp.logo) })),
  }
}
