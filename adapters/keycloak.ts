/** Keycloak: one realm, with its groups, realm roles and client roles. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { httpsUrl, type IdTokenClaims, oidcFlow, standardClaims, textList } from './code-flow.ts'

const Roles = z.object({ roles: z.unknown() })

export const keycloak = defineAdapter({
  type: 'keycloak',
  options: z.strictObject({
    /** Where Keycloak is, without `/realms`. */
    baseUrl: httpsUrl().refine((url) => !url.includes('/realms'), 'leave out /realms and what follows; name the realm'),
    realm: z.string().min(1),
    clientId: z.string().min(1),
    /** Absent for a public client. */
    clientSecret: z.string().min(1).optional(),
    /** The claim of the mapper "Group Membership", or `false` when groups do not count. */
    groupsClaim: z.union([z.literal(false), z.string().min(1)]).default('groups'),
    /** Whether realm roles count as groups, as `realm-role:<role>`. */
    realmRoles: z.boolean().default(false),
    /** The clients whose roles count as groups, as `client-role:<client>:<role>`. */
    clientRoles: z.array(z.string().min(1)).default([]),
    /** Asks for an offline session, which outlives the one in the browser. */
    offlineSession: z.boolean().default(true),
    /** Whether to ask Keycloak again while a client stays connected. */
    recheck: z.boolean().default(true),
    /** Whether Keycloak posts logout tokens to us. */
    backchannelLogout: z.boolean().default(false),
  }),
  open(options, host) {
    const { baseUrl, realm, clientId, clientSecret, groupsClaim, realmRoles, clientRoles, recheck, backchannelLogout } =
      options
    const wanted = [
      ...['name', 'email'],
      ...(groupsClaim === false ? [] : [groupsClaim]),
      ...(realmRoles ? ['realm_access'] : []),
      ...(clientRoles.length > 0 ? ['resource_access'] : []),
    ]
    return oidcFlow({
      host,
      server: new URL(`${baseUrl}/realms/${encodeURIComponent(realm)}`),
      clientId,
      clientSecret,
      scopes: ['openid', 'profile', 'email', ...(recheck && options.offlineSession ? ['offline_access'] : [])],
      recheck,
      backchannelLogout,
      needsUserInfo: (claims) => wanted.some((name) => claims[name] === undefined),
      identify({ claims }) {
        const { groups: _, ...rest } = standardClaims(claims)
        const groups = groupsOf(claims)
        return { subject: claims.sub, claims: { ...rest, ...(groups && { groups }) } }
      },
    })

    /** Undefined when a part is missing: a part of the list is not the list. */
    function groupsOf(claims: IdTokenClaims): readonly string[] | undefined {
      const groups = groupsClaim === false ? [] : textList(claims[groupsClaim])
      // Whoever may name groups must not be able to hand out roles.
      if (groups?.some((group) => /^(realm|client)-role:/.test(group))) {
        throw new LoginRefused('invalid', 'the user is in a group that has the name of a role')
      }
      const parts = [
        ...(groupsClaim === false ? [] : [groups]),
        ...(realmRoles ? [rolesIn(claims.realm_access, 'realm-role')] : []),
        ...clientRoles.map((client) => clientRolesIn(claims.resource_access, client)),
      ]
      return parts.length > 0 && parts.every((part) => part !== undefined) ? parts.flat() : undefined
    }
  },
})

function rolesIn(access: unknown, prefix: string): readonly string[] | undefined {
  const { data } = Roles.safeParse(access)
  return textList(data?.roles)?.map((role) => `${prefix}:${role}`)
}

/** A client in which the user has no role is left out of the claim. */
function clientRolesIn(access: unknown, client: string): readonly string[] | undefined {
  if (typeof access !== 'object' || access === null) return undefined
  return Object.hasOwn(access, client)
    ? rolesIn((access as Record<string, unknown>)[client], `client-role:${client}`)
    : []
}
