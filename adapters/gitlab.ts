/** GitLab: gitlab.com, or one of your own. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { httpsUrl, oidcFlow, standardClaims } from './code-flow.ts'

const GITLAB = 'https://gitlab.com'

export const gitlab = defineAdapter({
  type: 'gitlab',
  options: z
    .strictObject({
      clientId: z.string().min(1),
      clientSecret: z.string().min(1),
      /** Where people use GitLab. */
      baseUrl: httpsUrl().default(GITLAB),
      /** Full paths of groups; only members of one of them may sign in. */
      groups: z.array(z.string().regex(/^[\w.-]+(\/[\w.-]+)*$/, 'use the full path of the group')).default([]),
      /** Lets in everybody who has an account. */
      anyAccount: z.boolean().default(false),
      /** `groups` lists what a user is in, also through a group above; `groups_direct` only what they are in themselves. */
      groupsClaim: z.enum(['groups', 'groups_direct']).default('groups'),
      /** Whether to ask GitLab again while a client stays connected. */
      recheck: z.boolean().default(true),
    })
    .superRefine(({ baseUrl, groups, anyAccount }, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['groups'], message })
      if (groups.length > 0 && anyAccount) refuse('leave out either the groups or anyAccount: true')
      if (groups.length === 0 && !anyAccount && baseUrl === GITLAB) {
        refuse('name the groups whose members may sign in; for everybody on gitlab.com, set anyAccount: true')
      }
    }),
  open({ clientId, clientSecret, baseUrl, groups: allowed, groupsClaim, recheck }, host) {
    const isAllowed = new Set(allowed.map((path) => path.toLowerCase()))
    // GitLab has no place where another site may end a session.
    const { endSession: _, ...flow } = oidcFlow({
      host,
      server: new URL(baseUrl),
      clientId,
      clientSecret,
      // GitLab hands out a refresh token by itself, and knows no offline_access.
      scopes: ['openid', 'profile', 'email'],
      // GitLab breaks off at that prompt.
      selectsAccount: false,
      recheck,
      // The ID token lists direct memberships only.
      needsUserInfo: (claims) => ['name', 'email', groupsClaim].some((name) => claims[name] === undefined),
      identify({ claims }) {
        const known = standardClaims(claims, groupsClaim)
        if (isAllowed.size > 0) {
          // Unknown is not none, which would end the access of everybody who is asked about.
          if (!known.groups) throw new LoginRefused('invalid', `GitLab told no ${groupsClaim}`)
          if (!known.groups.some((path) => isAllowed.has(path.toLowerCase()))) {
            throw new LoginRefused('not_allowed', `the user is a member of none of ${allowed.join(', ')}`)
          }
        }
        return { subject: claims.sub, claims: known }
      },
    })
    return flow
  },
})
