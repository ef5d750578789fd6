/** One spelling for each URL that identifies something, and which hosts are this machine. */

/**
 * The canonical form of a resource identifier (RFC 8707 section 2): scheme and host in lower case, no default port, no
 * user, no fragment, and no slash after a bare host. Any other trailing slash is kept, since it names another resource.
 *
 * @throws {TypeError} when the text is not an absolute URL.
 */
export function canonicalResource(text: string): string {
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
export function canonicalIssuer(text: string): string {
  const url = new URL(canonicalResource(text))
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/** Whether a host name, as written in a URL or given to `listen`, can only mean this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

export function asHttps(url: string): string {
  return url.replace(/^http:/, 'https:')
}
