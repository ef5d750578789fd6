/** Acme Identity: an OpenID provider with one issuer per region, and guests that must stay outside. */
import { z } from 'zod'
import { oidcFlow, standardClaims } from '../../adapters/code-flow.ts'
import { defineAdapter, LoginRefused } from '../../src/adapter.ts'

export default defineAdapter({
  type: 'acme',
  // What an entry of `idps` may hold beside id, type and name. The server checks it and names every mistake.
  options: z.strictObject({
    region: z.enum(['eu', 'us']),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
  }),
  open({ region, clientId, clientSecret }, host) {
    return oidcFlow({
      host,
      server: new URL(`https://${region}.id.acme.example`),
      clientId,
      clientSecret,
      scopes: ['openid', 'profile', 'email', 'acme.teams'],
      // Runs after every check: these claims are Acme's, for us, and belong to this very sign-in.
      identify({ claims }) {
        if (claims.acme_guest === true) throw new LoginRefused('not_allowed', 'guests of Acme may not sign in')
        return { subject: claims.sub, claims: standardClaims(claims, 'acme_teams') }
      },
    })
  },
})
