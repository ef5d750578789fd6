/**
 * Which groups a user is in: of the token where it tells, of Graph where it does not.
 *
 * Owns the choice, and the memory of Graph's answers. Unknown is never taken for none: when the configuration asks for
 * groups and they cannot be had, the sign-in is refused.
 */
import { type Host, isLoginRefused, LoginRefused } from '../../src/adapter.ts'
import { standardClaims, type VerifiedUser } from '../code-flow.ts'
import { graphGroups, permissionFor } from './graph.ts'
import { type EntraOptions, graphOf, usesGraph } from './options.ts'
import { GUID, PERSONAL_ACCOUNTS } from './tenants.ts'

/** Users whose groups are remembered. The one who was asked for first is forgotten first. */
const MAX_REMEMBERED = 10_000

/** Nothing in a token tells an app registration without the claim from a user without a group; Graph does. */
const NO_CLAIM =
  'the token of somebody who is in groups has no groups claim, so Graph was asked: add the claim to the app registration (Token configuration); where it has only groups assigned to the application, set groups.absent: none; where no MCP server needs groups, groups.from: none'

const NAMES =
  'the groups claim of the app registration holds names, while Graph, which is asked about people in more groups than a token holds, tells ids: let the claim hold ids (Token configuration), or set groups.from: graph and groups.as: name'

export interface Groups {
  /** Scopes without which Graph would not answer. */
  readonly scopes: readonly string[]
  /** The groups of a user; undefined when they are not asked for.
   * @throws {LoginRefused} when they cannot be had */
  of(subject: string, user: VerifiedUser): Promise<readonly string[] | undefined>
}

export function groupsOf(options: EntraOptions, host: Host): Groups {
  const { from, absent, as, kinds, cacheSeconds } = options.groups
  const graph = graphOf(options)
  const remembered = new Map<string, { readonly groups: readonly string[]; readonly until: number }>()

  async function fromGraph(subject: string, user: VerifiedUser): Promise<readonly string[]> {
    // They are in no directory, and Graph knows no groups of theirs.
    if (user.claims.tid === PERSONAL_ACCOUNTS) return []
    const now = host.now().getTime()
    const known = remembered.get(subject)
    // A re-check is there to notice what has changed, and comes once in its interval.
    if (!user.recheck && known && now < known.until) return known.groups
    const groups = await graphGroups(host, { graph, as, kinds }, user)
    remembered.delete(subject)
    remembered.set(subject, { groups, until: now + cacheSeconds * 1000 })
    const [oldest] = remembered.keys()
    if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    return groups
  }

  async function fromToken(subject: string, user: VerifiedUser): Promise<readonly string[]> {
    const { claims } = user
    const { groups: told } = standardClaims(claims)
    if (isOverage(claims)) return fromGraph(subject, user)
    if (told) {
      if (as === 'id' && !told.every((group) => GUID.test(group))) host.warn('groups_are_names', NAMES)
      return told
    }
    if (absent === 'none' && claims.groups === undefined) return []
    const groups = await fromGraph(subject, user).catch((error: unknown) => {
      throw isLoginRefused(error) ? becauseAbsent(error) : error
    })
    if (groups.length > 0) host.warn('no_groups_claim', NO_CLAIM)
    return groups
  }

  return {
    scopes: usesGraph(from) ? [`${graph}/${permissionFor(options.groups)}`] : [],
    async of(subject, user) {
      const { claims } = user
      switch (from) {
        case 'none':
          return undefined
        case 'roles':
          return rolesOf(claims)
        case 'graph':
          return fromGraph(subject, user)
        case 'token':
          return fromToken(subject, user)
      }
    },
  }
}

/** Entra leaves the claim out for whoever has no role. @throws {LoginRefused} */
function rolesOf(claims: VerifiedUser['claims']): readonly string[] {
  if (claims.roles === undefined) return []
  const { groups: roles } = standardClaims(claims, 'roles')
  if (roles) return roles
  throw new LoginRefused('invalid', 'the roles of the token cannot be read')
}

/** Above 200 groups Entra sends a pointer in place of the list. It is not followed: Graph's address is known. */
function isOverage(claims: VerifiedUser['claims']): boolean {
  const elsewhere = claims._claim_names as { readonly groups?: unknown } | undefined
  return claims.hasgroups === true || claims.hasgroups === 'true' || elsewhere?.groups !== undefined
}

function becauseAbsent({ reason, message, challenge }: LoginRefused): LoginRefused {
  const why = 'it was asked because the token has no groups claim; where that means no groups, set groups.absent: none'
  return new LoginRefused(reason, `${message}; ${why}`, { ...(challenge !== undefined && { challenge }) })
}
