/**
 * The groups that tokens for a server must name, because it decides by them. All of them or no token: a server would take a
 * part for all, none for a user without any, and those of yesterday for those of now.
 */
import { type Advice, type Claims, LoginRefused } from '../adapter.ts'
import type { ResourceConfig } from '../config/schema.ts'

/**
 * Bytes of the list as JSON: 256 GUIDs. In base64url they are 13.3 KB of the 16 KB that Node takes for all headers of a
 * request; the longest name, addresses and URLs, the signature and the other headers have the rest.
 */
export const MAX_GROUPS_BYTES = 10_000

type Wanting = Pick<ResourceConfig, 'name' | 'resource' | 'claims'>

/** Why a user can have no token for a server, in words for the log. */
export function groupsFault({ resource, claims: wanted }: Wanting, { groups }: Claims): string | undefined {
  if (!wanted.includes('groups')) return undefined
  if (groups === undefined) return `${resource} wants the groups of the user, which are unknown`
  if (Buffer.byteLength(JSON.stringify(groups)) <= MAX_GROUPS_BYTES) return undefined
  return `${resource} wants the groups of the user, and ${groups.length} of them do not fit into a token`
}

/** @throws {LoginRefused} `not_allowed`, with words for the user, when there is such a fault */
export function requireGroups(resource: Wanting, claims: Claims): void {
  const fault = groupsFault(resource, claims)
  if (fault)
    throw new LoginRefused('not_allowed', fault, { advice: adviceFor(resource.name, claims.groups !== undefined) })
}

function adviceFor(name: string, tooMany: boolean): Advice {
  if (tooMany) {
    return {
      title: 'You are in too many groups',
      words: `${name} decides by your groups what you may do, and you are in more than a sign-in can carry.`,
      remedy:
        'An administrator of your organisation must send this server only the groups that count for it, for instance ' +
        'those assigned to the application. Give them the reference below.',
    }
  }
  return {
    title: 'Your groups are not known',
    words: `${name} decides by your groups what you may do, and the sign-in did not say which ones you are in.`,
    remedy:
      'The people who run this server must have the identity provider send your groups, or set it up without them. ' +
      'Give them the reference below.',
  }
}
