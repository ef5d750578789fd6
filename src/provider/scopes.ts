/**
 * The `scope` parameter as clients really send it: absent, padded, repeated, or holding scopes of another server.
 *
 * Owns turning it into a list that the library grants without an error page. What a scope means and who may have it is
 * decided elsewhere.
 */

/** Scopes of OpenID Connect: they concern the sign-in and the tokens, and belong to no resource. */
export const OPENID_SCOPES: readonly string[] = ['openid', 'offline_access']

/** The distinct tokens of a scope value. Stray white space is forgiven: some clients send `+offline_access`. */
export function scopeTokens(raw: string): string[] {
  return [...new Set(raw.split(/\s+/))].filter((token) => token !== '')
}

/**
 * The scope to grant for one resource (RFC 6749 section 3.3): known tokens stay in the order asked, unknown ones are
 * dropped, and the defaults step in when no scope of the resource is left. `openid` and `offline_access` count only
 * when asked for.
 */
export function normaliseScope(raw: string | undefined, known: readonly string[], defaults: readonly string[]): string {
  const asked = scopeTokens(raw ?? '').filter((token) => OPENID_SCOPES.includes(token) || known.includes(token))
  if (asked.some((token) => !OPENID_SCOPES.includes(token))) return asked.join(' ')
  return [...new Set([...asked, ...defaults])].join(' ')
}
