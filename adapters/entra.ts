/**
 * Microsoft Entra ID, the v2.0 endpoint: one app registration, for one tenant or several.
 *
 * Puts together what is special about Entra; each part is a file in `entra/`. The protocol is left to `code-flow.ts`.
 */
import { defineAdapter, type Host, LoginRefused } from '../src/adapter.ts'
import { type IdTokenClaims, oidcFlow, standardClaims, type VerifiedUser } from './code-flow.ts'
import { credentialsOf } from './entra/credentials.ts'
import { diagnose } from './entra/diagnose.ts'
import { groupsOf } from './entra/groups.ts'
import { type EntraOptions, entraOptions, graphOf } from './entra/options.ts'
import { explainer, refusesCredential } from './entra/refusals.ts'
import { GUID, tenantsOf } from './entra/tenants.ts'

export const entra = defineAdapter({
  type: 'entra',
  options: entraOptions,
  open(options: EntraOptions, host: Host) {
    const { clientId, authority, tenant, recheck, allowInsecure } = options
    const tenants = tenantsOf(options)
    const credentials = credentialsOf(options, host)
    const groups = groupsOf(options, host)
    // Neither `resource` nor a scope of the MCP client: Entra would refuse it (AADSTS9010010, AADSTS650053).
    const scopes = ['openid', 'profile', 'email', ...(recheck ? ['offline_access'] : []), ...groups.scopes]
    const place = { authority, tenant, clientId, redirectUri: host.redirectUri, scopes }

    async function identify(user: VerifiedUser) {
      const { claims } = user
      const tid = tenants.admit(user)
      const { oid } = claims
      if (typeof oid !== 'string' || !GUID.test(oid)) throw new LoginRefused('invalid', 'the token has no oid')
      if (options.guests === 'refuse') refuseGuests(user)
      // `sub` changes with the app registration; e-mail addresses and user names are reassigned and can be forged.
      const subject = `${tid}.${oid}`
      const known = await groups.of(subject, user)
      return { subject, claims: { ...profileOf(claims), ...(known && { groups: known }) } }
    }

    const { start, finish, refresh, endSession } = oidcFlow({
      host,
      server: tenants.server,
      clientId,
      credentials,
      allowInsecure,
      recheck,
      scopes,
      // Entra wants them there too (AADSTS900144).
      scopesAtToken: true,
      acceptIssuer: tenants.acceptIssuer,
      issuerOf: ({ tid }, discovered) =>
        GUID.test(String(tid)) ? discovered.replace('{tenantid}', String(tid)) : discovered,
      identify,
      explain: explainer(place),
      refusesCredential,
    })
    return {
      start,
      finish,
      ...(refresh && { refresh }),
      endSession,
      diagnose: () => diagnose({ host, options, tenants, credentials, graph: graphOf(options), place }),
    }
  },
})

/** Of the claims, what is for display. An e-mail address counts when Entra says that its domain is verified (nOAuth). */
function profileOf(claims: IdTokenClaims) {
  const { groups: _, email, emailVerified: __, ...profile } = standardClaims(claims)
  const verified = [true, 1, '1', 'true'].includes(claims.xms_edov as boolean | number | string)
  return { ...profile, ...(email !== undefined && verified && { email, emailVerified: true }) }
}

/** @throws {LoginRefused} also when the token does not tell */
function refuseGuests({ claims: { acct }, recheck }: VerifiedUser): void {
  if (acct === 0) return
  if (acct === 1) throw new LoginRefused('not_allowed', 'guests of the tenant may not sign in (guests)')
  // Somebody took the claim out of the app registration: that is no decision about this user.
  throw new LoginRefused(recheck ? 'unavailable' : 'not_allowed', 'the token lacks the optional claim acct')
}
