/**
 * Rules that a shape cannot express: settings that depend on each other, and what is unsafe outside development mode.
 *
 * Owns the rules of everything but resources (`resource-rules.ts`) and the options of IdPs (`adapters.ts`). Works on
 * whatever part of a configuration has the right shape, so that all mistakes are reported at once.
 */
import type { AdapterType } from '../adapter.ts'
import { isDangerousScheme, isLoopbackHost } from '../url.ts'
import { asHttps, closestIssuer } from './canonical.ts'
import type { Problem } from './problem.ts'
import { resourceRules } from './resource-rules.ts'
import type { Config } from './schema.ts'
import type { Salvaged } from './shape.ts'
import { problemAt } from './shown.ts'
import { secretRules, storeRules } from './store-rules.ts'

type Candidate = Salvaged<Config>

export function checkRules(config: Candidate, adapterTypes: readonly AdapterType[]): Problem[] {
  return [
    ...issuerRules(config),
    ...networkRules(config),
    ...secretRules(config),
    ...storeRules(config),
    ...idpRules(config, adapterTypes),
    ...resourceRules(config),
    ...schemeRules(config),
    ...lifetimeRules(config),
  ]
}

function issuerRules({ development, issuer }: Candidate): Problem[] {
  if (issuer === undefined) return []
  const canonical = closestIssuer(issuer)
  const { protocol, hostname } = new URL(canonical)
  const local = isLoopbackHost(hostname)
  const right = local ? canonical : asHttps(canonical)
  const problems: Problem[] = []
  if (issuer !== canonical) {
    const parts = 'without user, query, fragment, default port and trailing slash, and with a lower-case host'
    problems.push(problemAt('issuer', issuer, `Write the issuer ${parts}: ${right}`))
  }
  if (protocol !== 'https:' && !local) {
    problems.push(problemAt('issuer', issuer, `Use https; http is for localhost, 127.0.0.1 and [::1] only: ${right}`))
  }
  if (development === true && !local) {
    const remedy = 'Development mode is never for a network. Use http://localhost:3000, or set "development: false".'
    problems.push(problemAt('issuer', issuer, remedy))
  }
  return problems
}

function networkRules({ development, listen, trustedProxies }: Candidate): Problem[] {
  const problems: Problem[] = []
  if (development === true && listen?.host !== undefined && !isLoopbackHost(listen.host)) {
    const remedy = 'Development mode is never for a network. Use 127.0.0.1, or set "development: false".'
    problems.push(problemAt('listen.host', listen.host, remedy))
  }
  for (const [index, range] of (trustedProxies ?? []).entries()) {
    if (range?.endsWith('/0')) {
      const remedy = 'Name the addresses of your own proxies. This range lets everyone forge X-Forwarded-For.'
      problems.push(problemAt(`trustedProxies[${index}]`, range, remedy))
    }
  }
  return problems
}

function idpRules({ development, idps }: Candidate, adapterTypes: readonly AdapterType[]): Problem[] {
  const problems: Problem[] = []
  if (development !== true && idps?.length === 0) {
    problems.push({ path: 'idps', remedy: 'Add at least one IdP; without one nobody can sign in.' })
  }
  const developmentOnly = new Set(adapterTypes.filter((each) => each.developmentOnly).map((each) => each.type))
  const seen = new Set<string>()
  const claimed = new Map<string, number>()
  for (const [index, idp] of (idps ?? []).entries()) {
    if (idp?.id !== undefined) {
      if (seen.has(idp.id)) problems.push(problemAt(`idps[${index}].id`, idp.id, 'Give each IdP an id of its own.'))
      seen.add(idp.id)
    }
    if (development !== true && idp?.type !== undefined && developmentOnly.has(idp.type)) {
      const remedy = 'Use another type. This one lets anyone sign in as anyone and works in development mode only.'
      problems.push(problemAt(`idps[${index}].type`, idp.type, remedy))
    }
    for (const [position, domain] of (idp?.domains ?? []).entries()) {
      const other = domain === undefined ? undefined : claimed.get(domain)
      if (domain !== undefined) claimed.set(domain, other ?? index)
      if (other === undefined) continue
      const remedy = `Let one IdP have this domain, and name it once there: idps[${other}] has it already.`
      problems.push(problemAt(`idps[${index}].domains[${position}]`, domain, remedy))
    }
  }
  return problems
}

/** Registration refuses these for every client, so an entry here would be a promise that it does not keep. */
function schemeRules({ registration }: Candidate): Problem[] {
  return [...(registration?.customSchemes ?? []).entries()].flatMap(([index, scheme]) => {
    if (scheme === undefined) return []
    const path = `registration.customSchemes[${index}]`
    if (/^https?$/.test(scheme)) {
      return [problemAt(path, scheme, 'Remove this scheme. https and loopback http are always allowed.')]
    }
    if (!isDangerousScheme(scheme)) return []
    return [problemAt(path, scheme, 'Remove this scheme. Browsers or operating systems give it a meaning of its own.')]
  })
}

function lifetimeRules({ tokens }: Candidate): Problem[] {
  const { grantSeconds, refreshTokenSeconds } = tokens ?? {}
  if (grantSeconds === undefined || refreshTokenSeconds === undefined || grantSeconds >= refreshTokenSeconds) return []
  const remedy = `Use at least ${refreshTokenSeconds}, the value of tokens.refreshTokenSeconds.`
  return [problemAt('tokens.grantSeconds', grantSeconds, remedy)]
}
