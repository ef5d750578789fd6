/**
 * Finds, loads and checks the adapters that the entries of `idps` name. Opens none: that is `idp/registry.ts`.
 *
 * The options of an IdP are checked by the schema of its adapter; rules that span IdPs (unique ids, no development
 * adapter in production) are in `rules.ts`.
 */
import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AdapterType, CONTRACT } from '../adapter.ts'
import { problemsOf } from './issues.ts'
import { nearest } from './nearest.ts'
import type { Problem } from './problem.ts'
import { type IdpConfig, idpSchema } from './schema.ts'

/** A third-party adapter that cannot be used. `message` is the remedy of `problem`. */
export class AdapterLoadError extends Error {
  override readonly name = 'AdapterLoadError'
  readonly problem: Problem

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.remedy, options)
    this.problem = problem
  }
}

/** Every mistake in the entries of `idps`, without opening one. */
export function checkIdps(idps: readonly IdpConfig[], types: readonly AdapterType[]): Problem[] {
  return idps.flatMap((idp, index) => checkIdp(idp, types, `idps[${index}]`))
}

function checkIdp(idp: IdpConfig, types: readonly AdapterType[], path: string): Problem[] {
  const { type } = idp
  const options = adapterOptions(idp)
  const found = types.find((each) => each.type === type)
  const value = JSON.stringify(type)
  if (!found) return [{ path: `${path}.type`, value, remedy: unknownType(type, types) }]
  if (found.contract !== CONTRACT) {
    const remedy = `Update this adapter: it was made for version ${found.contract ?? 'unknown'} of the contract, this server has version ${CONTRACT}.`
    return [{ path: `${path}.type`, value, remedy }]
  }
  const { error } = found.options.safeParse(options)
  const problems = error ? problemsOf(error.issues, found.options, options) : []
  return problems.map((problem) => ({ ...problem, path: problem.path ? `${path}.${problem.path}` : path }))
}

/** What an entry of `idps` holds for its adapter alone. */
export function adapterOptions(idp: IdpConfig): Record<string, unknown> {
  return Object.fromEntries(Object.entries(idp).filter(([key]) => !Object.hasOwn(idpSchema.shape, key)))
}

function unknownType(type: string, types: readonly AdapterType[]): string {
  const known = types.map((each) => each.type)
  const close = nearest(type, known)
  const advice = close === undefined ? '' : `Did you mean "${close}"? `
  return `${advice}Write one of ${known.join(', ')}, the name of an installed package, or a module path that starts with ./ or /.`
}

/**
 * The given adapter types, and those that `idps` name by module path or by package name; their `type` is that name.
 * A package that is not installed is left out, so that {@link checkIdps} can tell it from a typing mistake.
 *
 * @param baseFolder where relative paths start, and where packages are looked for first.
 * @throws {AdapterLoadError} when a module is missing, broken, or no adapter.
 */
export async function loadAdapterTypes(
  idps: readonly IdpConfig[],
  builtin: readonly AdapterType[],
  baseFolder: string,
): Promise<AdapterType[]> {
  const types = [...builtin]
  for (const [index, { type }] of idps.entries()) {
    if (types.some((each) => each.type === type)) continue
    const url = locate(type, baseFolder)
    if (url) types.push({ ...(await load(url, type, `idps[${index}].type`)), type })
  }
  return types
}

/** Where the module is, or undefined for a package that is installed nowhere. */
function locate(type: string, baseFolder: string): string | undefined {
  if (/^\.\.?\//.test(type) || isAbsolute(type)) return pathToFileURL(resolve(baseFolder, type)).href
  // Beside the configuration first; a package installed next to this one is found from here.
  for (const from of [join(resolve(baseFolder), 'package.json'), import.meta.url]) {
    try {
      return pathToFileURL(createRequire(from).resolve(type)).href
    } catch {
      // Not installed there.
    }
  }
  return undefined
}

async function load(url: string, type: string, path: string): Promise<AdapterType> {
  const value = JSON.stringify(type)
  let module: Record<string, unknown>
  try {
    module = await import(url)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AdapterLoadError(
      { path, value, remedy: `Correct this adapter: it cannot be loaded (${reason}).` },
      { cause },
    )
  }
  for (const candidate of [module.default, module.adapter]) if (isAdapterType(candidate)) return candidate
  const remedy = 'Let the module export an adapter made with defineAdapter, as its default or as "adapter".'
  throw new AdapterLoadError({ path, value, remedy })
}

function isAdapterType(value: unknown): value is AdapterType {
  if (typeof value !== 'object' || value === null) return false
  const { type, options, open } = value as Partial<Record<keyof AdapterType, unknown>>
  return (
    typeof type === 'string' &&
    typeof open === 'function' &&
    typeof (options as { safeParse?: unknown } | undefined)?.safeParse === 'function'
  )
}
