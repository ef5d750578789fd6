/** Any OpenID provider that publishes a discovery document. */
import { z } from 'zod'
import { defineAdapter } from '../src/adapter.ts'
import { LOOPBACK } from './code-flow/options.ts'
import { type IdTokenClaims, oidcFlow, standardClaims } from './code-flow.ts'

export const oidc = defineAdapter({
  type: 'oidc',
  options: z
    .strictObject({
      /** The issuer identifier, exactly as the IdP publishes it. */
      issuer: z.url({ protocol: /^https?$/, abort: true }),
      clientId: z.string().min(1),
      /** Absent for a public client. */
      clientSecret: z.string().min(1).optional(),
      /** By default basic, unless the IdP's metadata lists other methods only. */
      clientSecretMethod: z.enum(['client_secret_basic', 'client_secret_post']).optional(),
      scopes: z
        .array(z.string().min(1))
        .refine((scopes) => scopes.includes('openid'), 'add openid; without it the IdP sends no ID token')
        .default(['openid', 'profile', 'email']),
      /** The claim that lists the user's groups, in the ID token or at the userinfo endpoint. */
      groupsClaim: z.string().min(1).default('groups'),
      /** Whether to ask the IdP again while a client stays connected. By default when the scopes hold offline_access. */
      recheck: z.boolean().optional(),
      /** Whether the IdP posts logout tokens to us. */
      backchannelLogout: z.boolean().default(false),
      /** Allows an issuer on this computer to speak plain http. */
      allowInsecure: z.boolean().default(false),
    })
    .superRefine(({ issuer, allowInsecure }, context) => {
      const { protocol, hostname, username, password, search, hash } = new URL(issuer)
      const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['issuer'], message })
      if (search || hash) refuse('use an issuer without a query and a fragment')
      if (username || password) refuse('use an issuer without a user and a password')
      if (protocol === 'https:') return
      if (!LOOPBACK.has(hostname)) refuse('use https; plain http is for an IdP on this computer only')
      else if (!allowInsecure) refuse('use https, or set allowInsecure: true beside it for an IdP on this computer')
    }),
  open({ issuer, scopes, groupsClaim, recheck, ...options }, host) {
    const wanted = ['name', 'email', groupsClaim]
    return oidcFlow({
      host,
      server: new URL(issuer),
      ...options,
      scopes,
      recheck: recheck ?? scopes.includes('offline_access'),
      needsUserInfo: (claims: IdTokenClaims) => wanted.some((name) => claims[name] === undefined),
      identify: ({ claims }) => ({ subject: claims.sub, claims: standardClaims(claims, groupsClaim) }),
    })
  },
})
