/** Okta: the org authorization server, or a custom one. */
import { z } from 'zod'
import { defineAdapter } from '../src/adapter.ts'
import { hostName, oidcFlow, standardClaims } from './code-flow.ts'

/** A list cut by an expression such as `Groups.startsWith("OKTA", "", 100)` has exactly this many entries. */
const GROUPS_LIMIT = 100

export const okta = defineAdapter({
  type: 'okta',
  options: z.strictObject({
    /** The domain where people sign in. */
    domain: hostName().refine((domain) => !/-admin\.okta/.test(domain), 'leave out -admin: that is the console'),
    /** The id of a custom authorization server, for instance `default`. Without it, the org's own. */
    authorizationServer: z.string().regex(/^\w+$/, 'use the id of the authorization server').optional(),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    /** The claim of the ID token that lists the user's groups. */
    groupsClaim: z.string().min(1).default('groups'),
    /** Whether to ask Okta again while a client stays connected. */
    recheck: z.boolean().default(true),
    /** Whether Okta posts logout tokens to us. */
    backchannelLogout: z.boolean().default(false),
  }),
  open({ domain, authorizationServer, clientId, clientSecret, groupsClaim, recheck, backchannelLogout }, host) {
    // Okta ends a session only for who shows an ID token of it, and none is kept.
    const { endSession: _, ...flow } = oidcFlow({
      host,
      server: new URL(`https://${domain}${authorizationServer ? `/oauth2/${authorizationServer}` : ''}`),
      clientId,
      clientSecret,
      scopes: [
        ...['openid', 'profile', 'email'],
        // The org's own server sends groups for this scope only; a custom one knows it only if somebody made it.
        ...(authorizationServer ? [] : ['groups']),
        ...(recheck ? ['offline_access'] : []),
      ],
      // Okta refuses a prompt that it does not know.
      selectsAccount: false,
      recheck,
      backchannelLogout,
      needsUserInfo: (claims) => ['name', 'email', groupsClaim].some((name) => claims[name] === undefined),
      identify({ claims }) {
        const { groups, ...rest } = standardClaims(claims, groupsClaim)
        const cut = groups?.length === GROUPS_LIMIT
        if (cut) host.warn('groups_cut', `Okta listed ${GROUPS_LIMIT} groups of a user, where it may have stopped`)
        // Unknown is not the same as these.
        return { subject: claims.sub, claims: { ...rest, ...(groups && !cut && { groups }) } }
      },
    })
    return flow
  },
})
