/**
 * The few rules about URLs that several rooms share: how one is parsed, where IdPs send people back to, when it is this
 * computer, which schemes nobody may use, and the one spelling of a protected resource (RFC 8707).
 *
 * The canonical form of a resource is not what URL parsers make of it: two paths that differ in case, in a percent
 * escape or in a final slash are two audiences. Only differences that cannot name another server are levelled.
 */

const maxLength = 2048
const notInUri = /[^A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]/
const malformedEscape = /%(?![0-9A-Fa-f]{2})/
const parts = /^(https?):\/\/([^/?@]+)(\/[^?]*)?(\?.*)?$/i
const defaultPorts: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

/**
 * Parses a URL without throwing. Not by `URL.canParse`: once V8 has compiled a call of it, Node 20 answers false for
 * strings with Latin-1 letters, so a verdict would depend on how long the process has run.
 */
export function parseUrl(text: string | URL, base?: string | URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** The one redirect URI of an IdP, as it is registered there. */
export function callbackUrl(issuer: string | URL, idp: string): URL {
  return new URL(`${new URL(issuer).href.replace(/\/$/, '')}/callback/${idp}`)
}

/** Whether a host, as written in a URL or given to `listen`, can only be this computer (RFC 8252 section 7.3). */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
}

/**
 * The canonical form of a resource: lower-case scheme and host, no default port, no slash for an empty path. Answers
 * `undefined` for anything but an absolute http or https URI without fragment, user name and dot segments.
 */
export function canonicalResource(raw: string): string | undefined {
  if (raw.length > maxLength || notInUri.test(raw) || malformedEscape.test(raw)) return undefined
  const match = parts.exec(raw)
  if (match === null) return undefined
  const [, rawScheme = '', rawAuthority = '', path = '', query = ''] = match
  const scheme = rawScheme.toLowerCase()
  const authority = rawAuthority.toLowerCase()
  const host = parseUrl(`${scheme}://${authority}`)?.host
  // A host that a parser rewrites further (127.1, an escaped letter, a port with zeros) is not worth the risk.
  if (host === undefined || (authority !== host && authority !== `${host}${defaultPorts[scheme]}`)) return undefined
  if (path.split('/').some(isDotSegment)) return undefined
  return `${scheme}://${host}${path === '/' ? '' : path}${query}`
}

function isDotSegment(segment: string): boolean {
  const plain = segment.replaceAll(/%2e/gi, '.')
  return plain === '.' || plain === '..'
}

/**
 * Schemes that run code, open local resources, start system programs, or belong to whichever site asks for them
 * (`web+`). Listing one in the configuration is no help.
 */
const dangerousSchemes: ReadonlySet<string> = new Set(
  `javascript vbscript livescript jscript data blob file filesystem about view-source jar mhtml mk res resource its
  chrome chrome-extension moz-extension edge opera brave content intent android-app market itms-apps itms-services
  applescript shell hcp help search search-ms mailto tel sms smsto mms callto facetime facetime-audio sip sips skype
  urn tag cid mid magnet ftp ftps sftp tftp ssh telnet gopher ws wss ldap ldaps smb afp nfs rdp vnc git svn news nntp
  irc dns feed`.split(/\s+/),
)
const dangerousPrefixes = ['ms-', 'microsoft.', 'x-', 'web+']

/** Whether no application may use this scheme, whatever the configuration says. */
export function isDangerousScheme(scheme: string): boolean {
  return dangerousSchemes.has(scheme) || dangerousPrefixes.some((prefix) => scheme.startsWith(prefix))
}
