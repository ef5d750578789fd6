/** Amazon Cognito: one user pool. Its domain needs no setting: the discovery document names it. */
import { z } from 'zod'
import { defineAdapter } from '../src/adapter.ts'
import { oidcFlow, standardClaims, textList } from './code-flow.ts'

export const cognito = defineAdapter({
  type: 'cognito',
  options: z
    .strictObject({
      region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'use the code of the region, for instance eu-central-1'),
      userPoolId: z
        .string()
        .regex(/^[a-z]{2}(-[a-z]+)+-\d_\w+$/, 'use the ID of the user pool, for instance eu-central-1_Ab12Cd34E'),
      clientId: z.string().min(1),
      /** Absent for a public app client. */
      clientSecret: z.string().min(1).optional(),
      /** Whether to ask Cognito again while a client stays connected. */
      recheck: z.boolean().default(true),
    })
    .refine(({ region, userPoolId }) => userPoolId.startsWith(`${region}_`), {
      path: ['userPoolId'],
      message: 'the user pool is of another region',
    }),
  open({ region, userPoolId, clientId, clientSecret, recheck }, host) {
    const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
    const flow = oidcFlow({
      host,
      server: new URL(`https://cognito-idp.${region}.${domain}/${userPoolId}`),
      clientId,
      clientSecret,
      // Cognito hands out a refresh token by itself, and knows no offline_access.
      scopes: ['openid', 'profile', 'email'],
      recheck,
      identify({ claims }) {
        const { groups: _, username = claims['cognito:username'], ...rest } = standardClaims(claims)
        // The claim is left out for a user who is in no group.
        const groups = textList(claims['cognito:groups'] ?? [])
        return {
          subject: claims.sub,
          claims: { ...rest, ...(typeof username === 'string' && { username }), ...(groups && { groups }) },
        }
      },
    })
    return {
      ...flow,
      /** Cognito has its own name for the way back. */
      async endSession(returnTo) {
        const url = await flow.endSession(returnTo)
        url?.searchParams.set('logout_uri', returnTo.href)
        return url
      },
    }
  },
})
