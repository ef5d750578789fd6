/** Auth0: one tenant, and one of its organizations if that is said. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { hostName, idpWords, oidcFlow, standardClaims } from './code-flow.ts'

export const auth0 = defineAdapter({
  type: 'auth0',
  options: z.strictObject({
    /** The tenant's domain, or its custom domain. */
    domain: hostName(),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    /** The id (`org_...`) or the name of the organization whose members may sign in. */
    organization: z.string().min(1).optional(),
    /** The claim that an Action of yours puts roles or groups into. Auth0 has none of its own. */
    groupsClaim: z.string().min(1).optional(),
    /** Whether to ask Auth0 again while a client stays connected. */
    recheck: z.boolean().default(true),
    /** Whether Auth0 posts logout tokens to us. */
    backchannelLogout: z.boolean().default(false),
  }),
  open({ domain, clientId, clientSecret, organization, groupsClaim, recheck, backchannelLogout }, host) {
    return oidcFlow({
      host,
      server: new URL(`https://${domain}/`),
      clientId,
      clientSecret,
      scopes: ['openid', 'profile', 'email', ...(recheck ? ['offline_access'] : [])],
      parameters: organization === undefined ? {} : { organization },
      recheck,
      backchannelLogout,
      // For a blocked user, and for one whom a rule turned away.
      explain: (answer) => (answer.error === 'unauthorized' ? new LoginRefused('denied', idpWords(answer)) : undefined),
      identify({ claims }) {
        // The parameter went through the browser, where it can be taken out.
        if (organization !== undefined && !isOf(organization, claims)) {
          throw new LoginRefused('not_allowed', 'the user signed in outside of the organization')
        }
        const { groups, ...rest } = standardClaims(claims, groupsClaim)
        return { subject: claims.sub, claims: { ...rest, ...(groupsClaim && groups && { groups }) } }
      },
    })
  },
})

/** Auth0 writes names in lower case. */
function isOf(organization: string, { org_id, org_name }: Readonly<Record<string, unknown>>): boolean {
  return organization.startsWith('org_') ? org_id === organization : org_name === organization.toLowerCase()
}
