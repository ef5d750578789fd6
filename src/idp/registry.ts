/**
 * From the `idps` of the configuration to open adapters, which the interactions use.
 *
 * Owns opening, and what an opened IdP is. Leaves finding, loading and checking an adapter to `config/adapters.ts`, what
 * adapters answer to `identity.ts`, and how they reach their IdP to `fetch.ts`.
 */
import { readFile } from 'node:fs/promises'
import type { AdapterType, Fetch, Host, IdpAdapter } from '../adapter.ts'
import { adapterOptions, checkIdps } from '../config/adapters.ts'
import type { IdpConfig } from '../config/schema.ts'

export interface OpenIdp {
  readonly id: string
  /** What people see on the button. */
  readonly name: string
  readonly type: string
  /** Whose e-mail addresses lead here. */
  readonly domains: readonly string[]
  readonly adapter: IdpAdapter
}

export interface IdpServices {
  readonly fetch: Fetch
  /** The redirect URI of an IdP. */
  readonly redirectUri: (id: string) => URL
  readonly warn?: (fields: { readonly idp: string; readonly code: string }, message: string) => void
  readonly now?: () => Date
}

/** Milliseconds in which a warning is not told again. */
const WARN_EVERY = 3_600_000

/**
 * Opens every IdP, in the order of the configuration. Makes no request.
 *
 * @throws {Error} for what {@link checkIdps} finds, and for an id used twice.
 */
export function openIdps(
  idps: readonly IdpConfig[],
  types: readonly AdapterType[],
  services: IdpServices,
): Map<string, OpenIdp> {
  const [problem] = checkIdps(idps, types)
  if (problem) throw new Error(`${problem.path}: ${problem.remedy}`)
  const open = new Map<string, OpenIdp>()
  for (const idp of idps) {
    const { id, type, name, domains = [] } = idp
    if (open.has(id)) throw new Error(`two IdPs have the id ${id}`)
    const host = hostOf(id, services)
    const found = types.find((each) => each.type === type)
    if (!found) continue
    open.set(id, { id, name, type, domains, adapter: found.open(found.options.parse(adapterOptions(idp)), host) })
  }
  return open
}

function hostOf(id: string, { fetch, redirectUri, warn, now = () => new Date() }: IdpServices): Host {
  const warned = new Map<string, number>()
  return {
    id,
    redirectUri: redirectUri(id),
    fetch,
    now,
    readFile: (path) => readFile(path, 'utf8'),
    warn(code, message) {
      const at = now().getTime()
      if (at - (warned.get(code) ?? -Infinity) < WARN_EVERY) return
      warned.set(code, at)
      warn?.({ idp: id, code }, message)
    },
  }
}
