/** Rules for the MCP servers in `resources`: their identifiers, scopes, IdPs and introspection credentials. */
import { canonicalResource, isLoopbackHost } from '../url.ts'
import { asHttps, closestResource } from './canonical.ts'
import type { Problem } from './problem.ts'
import type { Config } from './schema.ts'
import { secretWeakness } from './secret-strength.ts'
import type { Salvaged } from './shape.ts'
import { problemAt } from './shown.ts'

type Candidate = Salvaged<Config>
type Resource = NonNullable<NonNullable<Candidate['resources']>[number]>

/** Scopes that OpenID Connect gives a meaning of its own. */
const RESERVED_SCOPES = new Set(['openid', 'offline_access'])

export function resourceRules(config: Candidate): Problem[] {
  const { development, idps, resources } = config
  const problems: Problem[] = []
  if (development !== true && resources?.length === 0) {
    problems.push({ path: 'resources', remedy: 'Add at least one MCP server; without one no token can be issued.' })
  }
  const identifiers = new Set<string>()
  const clientIds = new Set<string>()
  const idpIds = idps?.every((idp) => idp?.id !== undefined) ? [...new Set(idps.map((idp) => idp?.id))] : undefined
  for (const [index, resource] of (resources ?? []).entries()) {
    if (resource === undefined) continue
    const at = `resources[${index}]`
    problems.push(
      ...identifierRules(resource, at, identifiers),
      ...scopeRules(resource, at),
      ...introspectionRules(resource, at, clientIds, development === true),
    )
    for (const [position, id] of (resource.idps ?? []).entries()) {
      if (id === undefined || idpIds === undefined || idpIds.includes(id)) continue
      problems.push(
        problemAt(`${at}.idps[${position}]`, id, `Name an IdP of "idps": ${idpIds.join(', ') || 'none yet'}.`),
      )
    }
  }
  return problems
}

function identifierRules({ resource }: Resource, at: string, seen: Set<string>): Problem[] {
  if (resource === undefined) return []
  const path = `${at}.resource`
  const problems: Problem[] = []
  const canonical = closestResource(resource)
  const { protocol, hostname, search } = new URL(canonical)
  const local = isLoopbackHost(hostname)
  const right = local ? canonical : asHttps(canonical)
  if (resource !== canonical) problems.push(problemAt(path, resource, `Write the canonical form: ${right}`))
  // Clients repeat the identifier byte by byte, so it must not depend on how lenient a parser is.
  else if (!canonicalResource(resource))
    problems.push(problemAt(path, resource, 'Percent-encode what a URL may not hold.'))
  if (search !== '') problems.push(problemAt(path, resource, 'Remove the query; a resource is named by its path.'))
  if (protocol !== 'https:' && !local) {
    const remedy = `Use https; http is for localhost, 127.0.0.1 and [::1] only: ${right}`
    problems.push(problemAt(path, resource, remedy))
  }
  if (seen.has(right)) problems.push(problemAt(path, resource, 'List each MCP server once.'))
  seen.add(right)
  return problems
}

function scopeRules({ scopes, defaultScopes }: Resource, at: string): Problem[] {
  if (scopes === undefined) return []
  const problems: Problem[] = []
  const names = Object.keys(scopes)
  for (const name of names) {
    if (!RESERVED_SCOPES.has(name)) continue
    const path = `${at}.scopes.${name}`
    problems.push({ path, remedy: 'Use another name; OpenID Connect gives this one a meaning of its own.' })
  }
  for (const [position, name] of (defaultScopes ?? []).entries()) {
    if (name === undefined || names.includes(name)) continue
    const path = `${at}.defaultScopes[${position}]`
    problems.push(problemAt(path, name, `Use scopes listed in "scopes": ${names.join(', ')}.`))
  }
  return problems
}

function introspectionRules(
  { introspection }: Resource,
  at: string,
  seen: Set<string>,
  development: boolean,
): Problem[] {
  if (introspection === undefined) return []
  const { clientId, clientSecret } = introspection
  const problems: Problem[] = []
  if (clientId !== undefined) {
    const path = `${at}.introspection.clientId`
    if (seen.has(clientId)) problems.push(problemAt(path, clientId, 'Give each MCP server a clientId of its own.'))
    seen.add(clientId)
  }
  const wrong = clientSecret === undefined ? undefined : secretMistake(clientSecret, development)
  if (wrong !== undefined) problems.push(problemAt(`${at}.introspection.clientSecret`, clientSecret, wrong))
  return problems
}

/** The characters that stay as they are when HTTP Basic credentials are form-encoded (RFC 6749 section 2.3.1). Programs
 * that forget to encode, curl among them, would send another secret. */
const SAFE_IN_BASIC = /^[A-Za-z0-9._~-]*$/

function secretMistake(secret: string, development: boolean): string | undefined {
  if (!SAFE_IN_BASIC.test(secret)) {
    return 'Use letters, digits and "._~-" only; HTTP Basic changes other characters. Make one with: openssl rand -hex 32'
  }
  return development ? undefined : secretWeakness(secret)
}
