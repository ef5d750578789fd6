/** Microsoft Entra ID: one tenant, one app registration with a client secret, the v2.0 endpoint. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { type IdTokenClaims, oidcFlow, standardClaims } from './code-flow.ts'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const DOMAIN = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/
/** The tenant of all personal Microsoft accounts, where anybody can make one. */
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'

export const entra = defineAdapter({
  type: 'entra',
  options: z.strictObject({
    /** The directory (tenant) ID, or a domain of the tenant. */
    tenant: z
      .string()
      .toLowerCase()
      .refine(
        (tenant) => (GUID.test(tenant) || DOMAIN.test(tenant)) && tenant !== PERSONAL_ACCOUNTS,
        'name one tenant by its directory ID or its domain; common, organizations and consumers are not one tenant',
      ),
    /** The application (client) ID of the app registration. */
    clientId: z.string().toLowerCase().regex(GUID, 'use the application (client) ID, a GUID'),
    clientSecret: z
      .string()
      .min(1)
      .refine((secret) => !GUID.test(secret.toLowerCase()), 'this is the ID of the secret; use its value'),
    /** The sign-in host of a national cloud. */
    authority: z
      .url({ protocol: /^https$/, abort: true })
      .refine((url) => new URL(url).href === `${new URL(url).origin}/`, 'use an https origin without a path')
      .default('https://login.microsoftonline.com'),
  }),
  open({ tenant, clientId, clientSecret, authority }, host) {
    const { origin } = new URL(authority)
    const issuerOf = (tid: unknown) => `${origin}/${tid}/v2.0`
    return oidcFlow({
      host,
      server: new URL(issuerOf(tenant)),
      clientId,
      clientSecret,
      clientSecretMethod: 'client_secret_post',
      scopes: ['openid', 'profile', 'email'],
      // A domain is answered with the issuer of its tenant, which is known by its GUID only.
      acceptIssuer(issuer) {
        const tid = issuer.split('/')[3] ?? ''
        const expected = GUID.test(tenant) ? tenant : tid
        return GUID.test(tid) && tid === expected && tid !== PERSONAL_ACCOUNTS && issuer === issuerOf(tid)
      },
      identify({ claims, issuer, signingKey }) {
        const { tid, oid } = claims
        if (issuerOf(tid) !== issuer) throw new LoginRefused('invalid', 'the token belongs to another tenant')
        // Entra publishes keys of several issuers side by side and says on each key whose it is.
        const keyIssuer = signingKey?.issuer
        if (typeof keyIssuer === 'string' && keyIssuer.replace('{tenantid}', String(tid)) !== claims.iss) {
          throw new LoginRefused('invalid', 'the token is signed with a key of another issuer')
        }
        if (typeof oid !== 'string' || !GUID.test(oid)) throw new LoginRefused('invalid', 'the token has no oid')
        // `sub` changes with the app registration; e-mail addresses and user names are reassigned and can be forged.
        return { subject: `${tid}.${oid}`, claims: claimsOf(claims) }
      },
    })
  },
})

/** Above 200 groups Entra sends a pointer in place of the list. Unknown is not none, so `groups` stays undefined. */
function claimsOf(claims: IdTokenClaims) {
  const { groups, ...rest } = standardClaims(claims)
  const elsewhere = claims._claim_names as { readonly groups?: unknown } | undefined
  const overage = claims.hasgroups === true || elsewhere?.groups !== undefined
  return { ...rest, ...(groups && !overage && { groups }) }
}
