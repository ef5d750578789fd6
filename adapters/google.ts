/** Google: the accounts of one or several Google Workspace or Cloud Identity domains. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { hostName, oidcFlow, standardClaims } from './code-flow.ts'

export const google = defineAdapter({
  type: 'google',
  options: z
    .strictObject({
      clientId: z
        .string()
        .regex(/\.apps\.googleusercontent\.com$/, 'use the client ID, which ends in .apps.googleusercontent.com'),
      clientSecret: z.string().min(1),
      /** The domains whose accounts may sign in, as Google names them in the claim `hd`. */
      hostedDomains: z.array(hostName()).default([]),
      /** Lets in every Google account, also those of people's own. */
      anyDomain: z.boolean().default(false),
      /** Whether to ask Google again while a client stays connected. */
      recheck: z.boolean().default(true),
    })
    .superRefine(({ hostedDomains, anyDomain }, context) => {
      if (hostedDomains.length > 0 !== anyDomain) return
      const message = anyDomain
        ? 'leave out either the domains or anyDomain: true'
        : 'name the domains whose accounts may sign in; for every Google account, set anyDomain: true'
      context.addIssue({ code: 'custom', path: ['hostedDomains'], message })
    }),
  open({ clientId, clientSecret, hostedDomains, anyDomain, recheck }, host) {
    const [domain] = hostedDomains
    // Google has no place where another site may end a session.
    const { endSession: _, ...flow } = oidcFlow({
      host,
      server: new URL('https://accounts.google.com'),
      clientId,
      clientSecret,
      scopes: ['openid', 'profile', 'email'],
      parameters: {
        // Only sorts the accounts on Google's page: whoever sits there can change it.
        ...(domain && { hd: hostedDomains.length > 1 ? '*' : domain }),
        ...(recheck && { access_type: 'offline' }),
      },
      recheck,
      identify({ claims }) {
        const { hd } = claims
        const hosted = typeof hd === 'string' ? hd.toLowerCase() : undefined
        if (!anyDomain && (hosted === undefined || !hostedDomains.includes(hosted))) {
          throw new LoginRefused('not_allowed', `the Google account is of ${hosted ?? 'no domain'}`)
        }
        return { subject: claims.sub, claims: standardClaims(claims) }
      },
    })
    return {
      ...flow,
      async start(login) {
        const step = await flow.start(login)
        // Google knows no `login`, and hands out a refresh token for the second time only with consent.
        const prompts = [...(login.hints.prompt ? ['select_account'] : []), ...(recheck ? ['consent'] : [])]
        if (step.kind === 'redirect' && prompts.length > 0) step.url.searchParams.set('prompt', prompts.join(' '))
        return step
      },
    }
  },
})
