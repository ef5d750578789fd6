/**
 * The `resource` parameter (RFC 8707): one spelling for each protected resource, and a match against the configured
 * ones.
 *
 * Owns the canonical form. It is not what URL parsers make of a resource: two paths that differ in case, in a percent
 * escape or in a final slash are two audiences. Only differences that cannot name another server are levelled.
 */
import { parseUrl } from '../url.ts'

const maxLength = 2048
const notInUri = /[^A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]/
const malformedEscape = /%(?![0-9A-Fa-f]{2})/
const parts = /^(https?):\/\/([^/?@]+)(\/[^?]*)?(\?.*)?$/i
const defaultPorts: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

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

/** The canonical form of the configured resource that `raw` names, or `undefined` when it names none of them. */
export function matchResource(raw: string, configured: readonly string[]): string | undefined {
  const wanted = canonicalResource(raw)
  if (wanted === undefined) return undefined
  return configured.some((resource) => canonicalResource(resource) === wanted) ? wanted : undefined
}
