/** The two files that `consulate adapter new` writes. Plain enough to be JavaScript and TypeScript alike. */

/** @param name the `type` of the adapter: lower-case words with hyphens. */
export function adapterSource(name: string): string {
  return `/**
 * Signs people in with ${name}, an OpenID provider.
 *
 * The shared flow does the protocol: it sends and checks state, nonce and PKCE, verifies the ID token, and finds words
 * for everything that can go wrong. Left to this file: where the IdP is, what the operator may configure, and who the
 * verified claims name.
 */
import { defineAdapter, LoginRefused } from 'consulate/adapter'
import { oidcFlow, standardClaims } from 'consulate/code-flow'
import { z } from 'zod'

export default defineAdapter({
  type: '${name}',
  // What an entry of \`idps\` may hold beside id, type and name. Strict, so that \`consulate check\` finds every typing
  // mistake and names it.
  options: z.strictObject({
    // Exactly as the IdP's discovery document states it.
    issuer: z.url({ protocol: /^https$/ }),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    // Only people in this group may sign in. Left out: everybody who has an account.
    group: z.string().min(1).optional(),
  }),
  // Makes no request and does nothing slow: an IdP that is down must not keep the issuer from starting.
  open({ issuer, clientId, clientSecret, group }, host) {
    return oidcFlow({
      host,
      server: new URL(issuer),
      clientId,
      clientSecret,
      // The scopes of the IdP, never those of an MCP client. offline_access brings the refresh token for \`recheck\`.
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      // Asks the IdP again while a client stays connected, so that whoever leaves the company loses access.
      recheck: true,
      // An ID token may be short. The userinfo endpoint, if there is one, knows the rest.
      needsUserInfo: (claims) => group !== undefined && claims.groups === undefined,
      // Runs after every check: these claims are the IdP's, for us, and belong to this very sign-in.
      identify({ claims }) {
        const known = standardClaims(claims)
        if (group !== undefined) {
          // Unknown is not none: a broken mapping must not end the access of everybody.
          if (!known.groups) throw new LoginRefused('invalid', 'the IdP told no groups')
          if (!known.groups.includes(group)) {
            // The message is for the operator's log; the user reads a page. Put nothing secret into it.
            throw new LoginRefused('not_allowed', \`the user is not in the group \${group}\`)
          }
        }
        // The subject is who the user is for ever. Never an e-mail address or a user name: they are given to others.
        return { subject: claims.sub, claims: known }
      },
    })
  },
})
`
}

/** @param specifier how the test imports the adapter, for instance `./my-idp.ts`. */
export function testSource(name: string, specifier: string): string {
  return `/** Takes ${name} through the contract suite, and tests what is its own. */
import { expect } from 'chai'
import { adapterContract, bench, refused, signIn } from 'consulate/testing'
import adapter from '${specifier}'

const subject = {
  type: adapter,
  // As an operator would write them.
  options: { issuer: 'https://idp.example.com', clientId: 'consulate', clientSecret: 'not-a-secret' },
  // The IdP that the suite plays, misbehaving on demand. No request leaves this computer.
  idp: {
    issuer: 'https://idp.example.com',
    clientId: 'consulate',
    clientSecret: 'not-a-secret',
    // Claims as this IdP puts them into its ID tokens.
    user: { sub: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com' },
  },
  // Who that is: the subject that \`identify\` answers with.
  subject: 'user-1',
}

adapterContract('${name}', subject)

describe('${name}', () => {
  const forStaff = { ...subject, options: { ...subject.options, group: 'staff' } }

  it('lets members of the group in, and passes their groups on', async () => {
    const lab = await bench(forStaff)
    lab.idp.user = { ...lab.idp.user, groups: ['staff', 'chess'] }
    expect((await signIn(lab)).claims.groups).to.deep.equal(['staff', 'chess'])
  })

  it('turns everybody else away', async () => {
    const lab = await bench(forStaff)
    lab.idp.user = { ...lab.idp.user, groups: ['chess'] }
    await refused(signIn(lab), lab.idp, 'not_allowed')
  })

  it('decides nothing about people whose groups the IdP does not tell', async () => {
    const lab = await bench(forStaff)
    await refused(signIn(lab), lab.idp, 'invalid')
  })
})
`
}
