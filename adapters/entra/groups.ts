/**
 * Which groups a user is in: of the token where it tells, of Graph where it does not.
 *
 * Owns the choice, and the memory of Graph's answers. Unknown is never taken for none: when the configuration asks for
 * groups and they cannot be had, the sign-in is refused.
 */
import type { Host } from '../../src/adapter.ts'
import { standardClaims, type VerifiedUser } from '../code-flow.ts'
import { graphGroups, permissionFor } from './graph.ts'
import { type EntraOptions, graphOf, usesGraph } from './options.ts'

/** Users whose groups are remembered. The one who was asked for first is forgotten first. */
const MAX_REMEMBERED = 10_000

export interface Groups {
  /** Scopes without which Graph would not answer. */
  readonly scopes: readonly string[]
  /** The groups of a user; undefined when they are not asked for, or the token speaks of none.
   * @throws {LoginRefused} when they cannot be had */
  of(subject: string, user: VerifiedUser): Promise<readonly string[] | undefined>
}

export function groupsOf(options: EntraOptions, host: Host): Groups {
  const { from, as, kinds, cacheSeconds } = options.groups
  const graph = graphOf(options)
  const remembered = new Map<string, { readonly groups: readonly string[]; readonly until: number }>()

  async function fromGraph(subject: string, user: VerifiedUser): Promise<readonly string[]> {
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

  return {
    scopes: usesGraph(from) ? [`${graph}/${permissionFor(options.groups)}`] : [],
    async of(subject, user) {
      const { claims } = user
      switch (from) {
        case 'none':
          return undefined
        case 'roles':
          return standardClaims(claims, 'roles').groups ?? []
        case 'graph':
          return fromGraph(subject, user)
        case 'token':
          return isOverage(claims) ? fromGraph(subject, user) : standardClaims(claims).groups
      }
    },
  }
}

/** Above 200 groups Entra sends a pointer in place of the list. It is not followed: Graph's address is known. */
function isOverage(claims: VerifiedUser['claims']): boolean {
  const elsewhere = claims._claim_names as { readonly groups?: unknown } | undefined
  return claims.hasgroups === true || claims.hasgroups === 'true' || elsewhere?.groups !== undefined
}
