/** The contract suite itself, with an adapter as a third party would write it, and its list of cases. */
import { z } from 'zod'
import { oidcFlow, standardClaims } from '../../adapters/code-flow.ts'
import { defineAdapter } from '../../src/adapter.ts'
import { adapterContract } from '../contract/adapter.contract.ts'

const asksAgain = defineAdapter({
  type: 'asks-again',
  options: z.strictObject({ clientSecret: z.string() }),
  open: ({ clientSecret }, host) =>
    oidcFlow({
      host,
      server: new URL('https://idp.example.com'),
      clientId: 'consulate',
      clientSecret,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      recheck: true,
      identify: ({ claims }) => ({ subject: claims.sub, claims: standardClaims(claims) }),
    }),
})

adapterContract('an adapter that asks again', {
  type: asksAgain,
  options: { clientSecret: 'a secret: with/signs+' },
  idp: {
    issuer: 'https://idp.example.com',
    clientId: 'consulate',
    clientSecret: 'a secret: with/signs+',
    user: { sub: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com' },
  },
  subject: 'user-1',
})
