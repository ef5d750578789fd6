/**
 * Asking an IdP's API on behalf of the user who signs in, for IdPs that name people there and in no ID token.
 *
 * Owns where the access token may go, what the status of an answer means, and lists in pages (RFC 8288). Leaves to the
 * adapter what to ask and what the answers say.
 */
import type { z } from 'zod'
import { type Host, LoginRefused } from '../../src/adapter.ts'
import { hostFetch } from './refusals.ts'

export interface ApiOptions {
  readonly host: Host
  /** Where the API begins. The access token is sent nowhere else. */
  readonly api: URL
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * An API that knows the user by an access token, which the adapter never sees. A resource is a path below the API, or a
 * whole URL there.
 *
 * @throws {LoginRefused} from every call: `denied` when the token is not accepted (401), `not_allowed` when the user may
 * not see the resource, or not through us (403), `unavailable` when there is no answer (5xx, 429, or a 403 that is about
 * the number of requests), `invalid` when the answer is not what was expected. At a re-check a 403 is `unavailable` too,
 * unless it says that the account is suspended: our address or our permission may be what is refused, for everybody.
 */
export interface Api {
  read<T>(shape: z.ZodType<T>, resource: string): Promise<T>
  /** Undefined when there is nothing of that name (404). */
  find<T>(shape: z.ZodType<T>, resource: string): Promise<T | undefined>
  /** A whole list, page by page, as the `next` links lead. Never a part of one: too many pages are refused.
   * @param inspect looks at every page, and may refuse it */
  list<T>(shape: z.ZodType<T>, resource: string, inspect?: (page: Response) => void): Promise<T[]>
}

const MAX_PAGES = 50
/** GitHub, and GitLab, of an account that may do nothing any more. */
const SUSPENDED = /\b(suspended|blocked|deactivated)\b/i

/** @param isRecheck what is then refused may be refused to everybody */
export function apiFor(token: string, { host, api, headers }: ApiOptions, isRecheck: boolean): Api {
  const fetch = hostFetch(host)
  const base = `${api.href.replace(/\/$/, '')}/`

  async function get(resource: string): Promise<Response> {
    const { href } = new URL(resource, base)
    // An answer names the next page, and must not have the token sent to a place of its choice.
    if (!href.startsWith(base)) throw new LoginRefused('invalid', `the API of ${api.origin} points somewhere else`)
    const response = await fetch(href, { method: 'GET', headers: { ...headers, authorization: `Bearer ${token}` } })
    if (response.status === 401) throw new LoginRefused('denied', `${api.origin} does not accept the user's token`)
    if (response.status !== 403) return response
    const words = await response.text()
    if (isAboutRate(response, words))
      throw new LoginRefused('unavailable', `${api.origin} had too many requests from us`)
    const reason = isRecheck && !SUSPENDED.test(words) ? 'unavailable' : 'not_allowed'
    throw new LoginRefused(reason, `${api.origin} does not let us see ${pathOf(resource)} of this user`)
  }

  async function content<T>(shape: z.ZodType<T>, response: Response, resource: string): Promise<T> {
    const what = `the answer of ${api.origin} about ${pathOf(resource)}`
    if (response.status !== 200) throw new LoginRefused('invalid', `${what} has status ${response.status}`)
    const result = shape.safeParse(await response.json())
    if (result.success) return result.data
    throw new LoginRefused('invalid', `${what} has an unexpected ${result.error.issues[0]?.path.join('.') || 'form'}`)
  }

  return {
    read: async (shape, resource) => content(shape, await get(resource), resource),
    async find(shape, resource) {
      const response = await get(resource)
      return response.status === 404 ? undefined : content(shape, response, resource)
    },
    async list(shape, resource, inspect) {
      const all = []
      let next: string | undefined = resource
      for (let page = 0; next !== undefined; page++) {
        if (page === MAX_PAGES)
          throw new LoginRefused('invalid', `${api.origin} lists more of ${pathOf(resource)} than can be read`)
        const response: Response = await get(next)
        inspect?.(response)
        all.push(...(await content(shape.array(), response, resource)))
        next = /<([^<>]+)>\s*;[^<]*\brel="?next\b/.exec(response.headers.get('link') ?? '')?.[1]
      }
      return all
    },
  }
}

/** GitHub, among others, limits requests with status 403 in place of 429, and tells it in a header or in words alone. */
function isAboutRate({ headers }: Response, words: string): boolean {
  if (headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0') return true
  return /rate limit/i.test(words)
}

/** Without a query, which is nobody's business in a log. */
function pathOf(resource: string): string {
  return resource.split('?', 1)[0] ?? ''
}
