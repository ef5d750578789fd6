/** The right spelling of an identifier, as close as possible to what was written, for the remedy of a mistake. */

/**
 * The canonical form of a resource identifier (RFC 8707 section 2): scheme and host in lower case, no default port, no
 * user, no fragment, and no slash after a bare host. Any other trailing slash is kept, since it names another resource.
 *
 * @throws {TypeError} when the text is not an absolute URL.
 */
export function closestResource(text: string): string {
  const url = new URL(text)
  url.username = ''
  url.password = ''
  url.hash = ''
  const bare = url.pathname === '/' && url.search === ''
  return bare ? url.href.replace(/\/\??$/, '') : url.href
}

/** The canonical form of an issuer identifier (RFC 8414 section 2): like a resource, without query or trailing slash.
 *
 * @throws {TypeError} when the text is not an absolute URL.
 */
export function closestIssuer(text: string): string {
  const url = new URL(closestResource(text))
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

export function asHttps(url: string): string {
  return url.replace(/^http:/, 'https:')
}
