/**
 * A stand-in for Microsoft Graph, as far as group memberships go: "List a user's direct and transitive memberships"
 * (transitiveMemberOf), "directoryObject: getMemberObjects", "Paging Microsoft Graph data in your app" and "Microsoft Graph
 * throttling guidance"; and "Claims challenges, claims requests and client capabilities", "Claims challenge header format".
 */
import { type Directory, PERSONAL_ACCOUNTS, type Person } from './directory.ts'
import { challengeOf } from './token.ts'

export interface GraphCall {
  readonly method: string
  readonly url: URL
  readonly person: Person | undefined
  readonly scopes: readonly string[]
  /** The origin that Graph is known by. */
  readonly origin: string
}

export interface GraphAnswer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body: unknown
}

/** Clocks and timers are not that exact. */
const EARLY_MS = 50

const failure = (status: number, code: string, headers: Record<string, string> = {}): GraphAnswer => ({
  status,
  headers,
  body: { error: { code, message: code, innerError: {} } },
})

export function answerGraph(directory: Directory, { method, url, person, scopes, origin }: GraphCall): GraphAnswer {
  const { behaviour } = directory
  if (!person) return failure(401, 'InvalidAuthenticationToken')
  const { graphRetryAfter: retryAfter } = behaviour
  if (behaviour.graphThrottles > 0 || Date.now() + EARLY_MS < behaviour.graphThrottledUntil) {
    behaviour.graphThrottles = Math.max(behaviour.graphThrottles - 1, 0)
    const seconds = Number(retryAfter)
    behaviour.graphThrottledUntil = Number.isNaN(seconds) ? Date.parse(retryAfter) : Date.now() + seconds * 1000
    return failure(429, 'TooManyRequests', { 'retry-after': retryAfter })
  }
  if (behaviour.graphStatus !== 200) return failure(behaviour.graphStatus, 'generalException')
  if (behaviour.graphDemands && !person.secondFactor) {
    const claims = btoa(challengeOf(behaviour))
    const challenge = `Bearer realm="", authorization_uri="${origin}", error="insufficient_claims", claims="${claims}"`
    return failure(401, 'InvalidAuthenticationToken', { 'www-authenticate': challenge })
  }
  // Personal accounts are not supported by either of the two, says the same table.
  if (person.tid === PERSONAL_ACCOUNTS) return failure(400, 'Request_BadRequest')
  // Their tables of permissions: User.Read for the memberships of the signed-in user.
  const mayReadGroups = scopes.includes('GroupMember.Read.All')
  if (!mayReadGroups && !scopes.includes('User.Read')) return failure(403, 'Authorization_RequestDenied')
  if (method === 'POST' && url.pathname === '/v1.0/me/getMemberObjects')
    return { status: 200, body: { value: person.groups } }
  if (method !== 'GET' || url.pathname !== '/v1.0/me/transitiveMemberOf') return failure(404, 'ResourceNotFound')

  const size = Math.min(Number(url.searchParams.get('$top') ?? 100), 999, behaviour.graphPageSize)
  const from = Number(url.searchParams.get('$skiptoken') ?? 0)
  const objects = [
    // Directory roles are among the answers too.
    {
      '@odata.type': '#microsoft.graph.directoryRole',
      id: 'dddddddd-0000-4000-8000-000000000001',
      displayName: 'Reader',
    },
    ...person.groups.map((id) => {
      const { displayName, securityEnabled } = directory.groups[id] ?? {
        displayName: `Group ${id}`,
        securityEnabled: true,
      }
      // "Limited information returned for inaccessible member objects": the type and the id, all else null.
      const rest = mayReadGroups ? { displayName, securityEnabled } : { displayName: null, securityEnabled: null }
      return { '@odata.type': '#microsoft.graph.group', id, ...rest }
    }),
  ]
  const next = new URL(`${behaviour.graphNextAt || origin}${url.pathname}${url.search}`)
  next.searchParams.set('$skiptoken', String(from + size))
  const value = objects.slice(from, from + size)
  return { status: 200, body: { value, ...(from + size < objects.length && { '@odata.nextLink': next.href }) } }
}
