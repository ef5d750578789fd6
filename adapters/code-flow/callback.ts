/** What the browser brings back from an IdP, before anything else is read in it. */
import { type Login, LoginRefused } from '../../src/adapter.ts'

/**
 * The answer as it would arrive at the registered redirect URI, whatever a proxy made of the request's own.
 *
 * @throws {LoginRefused} `invalid` for anything but a GET, and for a parameter that is there twice
 */
export function callbackUrl(login: Login, callback: Request): URL {
  if (callback.method !== 'GET') throw new LoginRefused('invalid', `the callback came as ${callback.method}`)
  const url = new URL(login.redirectUri)
  url.search = new URL(callback.url).search
  const names = [...url.searchParams.keys()]
  if (new Set(names).size < names.length) throw new LoginRefused('invalid', 'the callback repeats a parameter')
  return url
}
