/**
 * The groups of a user, asked of Microsoft Graph with the user's own token: `GET /me/transitiveMemberOf`.
 *
 * Owns paging, throttling and their bounds. It answers with all groups or refuses, never with some of them. When Graph is
 * asked is left to `groups.ts`.
 */
import { type Host, LoginRefused, type Refusal } from '../../src/adapter.ts'

/** The Graph host of each cloud, by its sign-in host. */
export const GRAPHS: Readonly<Record<string, string>> = {
  'https://login.microsoftonline.com': 'https://graph.microsoft.com',
  'https://login.microsoftonline.us': 'https://graph.microsoft.us',
  'https://login.partner.microsoftonline.cn': 'https://microsoftgraph.chinacloudapi.cn',
}

/** The largest that Graph takes. A server may send less. */
const PAGE_SIZE = 999
const MAX_PAGES = 50
/** The most groups that an identity may have. */
const MAX_GROUPS = 10_000
/** Requests that are throttled are sent again as often, when the waiting fits the time below. */
const MAX_RETRIES = 3
/** Milliseconds for all pages and all waiting. It is one part of a sign-in, or of a re-check that a client waits for. */
const MAX_MS = { signIn: 3500, recheck: 2500 }

export interface GraphGroups {
  /** The origin of Graph. */
  readonly graph: string
  readonly as: 'id' | 'name'
  readonly kinds: 'all' | 'security'
}

/** The least permission that tells what is asked for. */
export function permissionFor({ as, kinds }: Pick<GraphGroups, 'as' | 'kinds'>): string {
  return as === 'id' && kinds === 'all' ? 'User.Read' : 'GroupMember.Read.All'
}

export interface GraphUser {
  readonly accessToken: string
  /** Whether this is a re-check. That we lack a permission is then no decision about the user, and must end nothing. */
  readonly recheck: boolean
}

/** @throws {LoginRefused} `unavailable` when Graph does not answer, or not as it should; `denied` when it demands a new sign-in; `not_allowed`
 * when there are too many, and at a sign-in also when it may not answer */
export async function graphGroups(host: Host, asked: GraphGroups, user: GraphUser): Promise<string[]> {
  const { graph, as, kinds } = asked
  const groups: string[] = []
  const ms = user.recheck ? MAX_MS.recheck : MAX_MS.signIn
  const asking = { asked, user, signal: AbortSignal.timeout(ms), until: performance.now() + ms }
  let page: string | undefined =
    `${graph}/v1.0/me/transitiveMemberOf?$select=id,displayName,securityEnabled&$top=${PAGE_SIZE}`
  for (let pages = 0; page !== undefined; pages++) {
    if (pages === MAX_PAGES) throw new LoginRefused('unavailable', `the list of Graph has no end in ${pages} pages`)
    const { value, '@odata.nextLink': next } = await readPage(host, page, asking)
    if (!Array.isArray(value)) throw new LoginRefused('unavailable', 'Graph sent no list of groups')
    for (const entry of value) {
      const type: unknown = entry?.['@odata.type']
      // It may be a group.
      if (typeof type !== 'string') throw new LoginRefused('unavailable', 'Graph lists something without its type')
      if (type !== '#microsoft.graph.group') continue
      if (kinds === 'security' && !member(entry, 'securityEnabled', 'boolean', user)) continue
      groups.push(String(member(entry, as === 'id' ? 'id' : 'displayName', 'string', user)))
    }
    if (groups.length > MAX_GROUPS)
      throw new LoginRefused('not_allowed', `the user is in more than ${MAX_GROUPS} groups`)
    // The next page gets the user's token too.
    if (next !== undefined && new URL(String(next)).origin !== graph) {
      throw new LoginRefused('invalid', 'Graph names a next page at another host')
    }
    page = next === undefined ? undefined : String(next)
  }
  return groups
}

interface Page {
  readonly value?: readonly Record<string, unknown>[]
  readonly '@odata.nextLink'?: unknown
}

/** Without the permission to read groups Graph lists them all, with null for everything but their ids ("Limited
 * information returned for inaccessible member objects"). */
function member(entry: Record<string, unknown>, name: string, type: 'string' | 'boolean', user: GraphUser): unknown {
  const value = entry[name]
  if (typeof value === type) return value
  const remedy = 'grant the application GroupMember.Read.All (delegated), or set groups.as: id and groups.kinds: all'
  throw new LoginRefused(notPermitted(user), `Graph does not tell the ${name} of a group: ${remedy}`)
}

function notPermitted({ recheck }: GraphUser): Refusal {
  return recheck ? 'unavailable' : 'not_allowed'
}

interface Asking {
  readonly asked: GraphGroups
  readonly user: GraphUser
  readonly signal: AbortSignal
  /** The same end, by the clock of `performance`. */
  readonly until: number
}

async function readPage(host: Host, url: string, { asked, user, signal, until }: Asking): Promise<Page> {
  const headers = { accept: 'application/json', authorization: `Bearer ${user.accessToken}` }
  for (let retries = 0; ; retries++) {
    const response = await host.fetch(url, { headers, signal }).catch((error: unknown) => {
      throw new LoginRefused(
        'unavailable',
        `no answer from Graph: ${error instanceof Error ? error.message : 'unknown'}`,
      )
    })
    const { status } = response
    if (status === 200) return response.json().catch(() => ({})) as Promise<Page>
    const challenge = status === 401 ? challengeIn(response.headers.get('www-authenticate') ?? '') : undefined
    if (challenge !== undefined) {
      throw new LoginRefused('denied', 'Graph demands a new sign-in of the user (claims challenge)', { challenge })
    }
    if (status === 401 || status === 403) {
      const remedy = `grant the application ${permissionFor(asked)} (delegated), or set groups.from: none`
      throw new LoginRefused(
        notPermitted(user),
        `Graph does not let us read the groups of the user (${status}): ${remedy}`,
      )
    }
    const waitMs = waitOf(response.headers.get('retry-after'), host.now())
    if ((status !== 429 && status !== 503) || retries === MAX_RETRIES || performance.now() + waitMs > until) {
      throw new LoginRefused('unavailable', `Graph answered with status ${status}`)
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

/** Of a `WWW-Authenticate` header the claims, which are in base64 there ("Claims challenges, claims requests and client
 * capabilities"), as JSON text. Whether it can be followed is the host's to judge. */
export function challengeIn(header: string): string | undefined {
  if (!/^\s*Bearer\s/i.test(header)) return undefined
  // Each quoted string as a whole: what looks like a parameter inside one is none.
  const parameters = header.matchAll(/([\w-]+)\s*=\s*"((?:[^"\\]|\\.)*)"/g)
  for (const [, name = '', value = ''] of parameters) {
    if (name.toLowerCase() !== 'claims') continue
    return /^[\w+/-]+=*$/.test(value) ? Buffer.from(value, 'base64').toString() : undefined
  }
  return undefined
}

/** Seconds or a date (RFC 9110 section 10.2.3); a second when the header is missing. */
function waitOf(retryAfter: string | null, now: Date): number {
  if (retryAfter === null || retryAfter.trim() === '') return 1000
  const seconds = Number(retryAfter)
  const wait = Number.isNaN(seconds) ? Date.parse(retryAfter) - now.getTime() : seconds * 1000
  return Number.isNaN(wait) ? 1000 : Math.max(wait, 0)
}
