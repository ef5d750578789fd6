/**
 * Which redirect URIs a client may register, by registration (RFC 7591) and by metadata document alike.
 *
 * Owns the rule for one URI and the application type that follows from a set of them. Comparing the URI of a request
 * with the registered ones is the library's business: exact, and any port on loopback for a `native` client.
 *
 * Three shapes are allowed: https anywhere but on this computer, plain http on loopback (RFC 8252 section 7.3), and a
 * private-use scheme (RFC 8252 section 7.1). An https host may be a private address or an intranet name: the browser
 * goes there, never this server, and issuers inside a company have clients there.
 */
import ipaddr from 'ipaddr.js'
import { isDangerousScheme, parseUrl } from '../url.ts'

/** In UTF-16 code units. */
export const MAX_URI_LENGTH = 512

export interface RedirectPolicy {
  /** Schemes without a dot that applications may use, without the colon and in lower case. */
  readonly customSchemes: readonly string[]
  /** The origin of the issuer, where no client can be: its pages must never be taken for an application. */
  readonly origin?: string
}

export type RedirectUriVerdict =
  | { readonly ok: true; readonly kind: 'web' | 'loopback' | 'app' }
  | { readonly ok: false; readonly reason: string }

/** RFC 3986 without `*`, which is legal there but reads as a pattern to every other server and to people. */
const notInRedirectUri = /[^A-Za-z0-9\-._~:/?#[\]@!$&'()+,;=%]/
const malformedEscape = /%(?![0-9A-Fa-f]{2})/
const escapedControl = /%(?:[01][0-9A-Fa-f]|7[Ff])/
/** Letters, digits, hyphens and underscores in labels: no empty label and no final dot. */
const domainName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/
/** Two labels or more, the first shaped like a top-level domain. */
const reverseDomain = /^[a-z]{2,63}(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/

const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const addressRanges: ReadonlySet<string> = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat'])

const refuse = (reason: string): RedirectUriVerdict => ({ ok: false, reason })

/** Judges one redirect URI. `reason` is a sentence part without quotes and without the URI, fit for an OAuth error. */
export function checkRedirectUri(uri: string, policy: RedirectPolicy): RedirectUriVerdict {
  if (uri.length > MAX_URI_LENGTH) return refuse(`it must be at most ${MAX_URI_LENGTH} characters long`)
  if (notInRedirectUri.test(uri)) {
    return refuse('it must hold only the characters of a URI (RFC 3986), without * and with the host in punycode')
  }
  if (malformedEscape.test(uri)) return refuse('it must not hold a malformed percent escape')
  if (escapedControl.test(uri)) return refuse('it must not hold an escaped control character')
  if (uri.includes('#')) return refuse('it must not have a fragment (RFC 6749 section 3.1.2)')
  const url = parseUrl(uri)
  if (url === undefined) return refuse('it must be an absolute URI')
  if (url.username !== '' || url.password !== '') return refuse('it must not hold a user name or password')
  // Browsers follow what WHATWG parsing makes of a URI. Where that differs from the text, the person and the exact
  // comparison would look at another address than the browser. Only an omitted root path is harmless and common.
  if (url.href !== uri && url.href !== `${uri}/`) return refuse(`it must be in canonical form: ${url.href}`)
  if (url.origin === policy.origin) return refuse('it must not be an address of this issuer')
  if (url.protocol === 'https:') return checkWeb(url)
  if (url.protocol === 'http:') {
    if (loopbackHosts.has(url.hostname)) return { ok: true, kind: 'loopback' }
    return refuse('http is allowed only for localhost, 127.0.0.1 and [::1]; use https')
  }
  return checkApp(url, policy)
}

function checkWeb(url: URL): RedirectUriVerdict {
  const host = url.hostname
  const literal = host.startsWith('[') ? host.slice(1, -1) : host
  if (ipaddr.isValid(literal)) {
    if (addressRanges.has(ipaddr.parse(literal).range())) return { ok: true, kind: 'web' }
    return refuse('an https address must not be a loopback or other special-use address')
  }
  if (!domainName.test(host)) return refuse('its host must be a host name without empty labels or a final dot')
  if (host === 'localhost' || host.endsWith('.localhost')) {
    return refuse('an application on this computer must use http, not https, for loopback (RFC 8252 section 7.3)')
  }
  return { ok: true, kind: 'web' }
}

function checkApp(url: URL, policy: RedirectPolicy): RedirectUriVerdict {
  const scheme = url.protocol.slice(0, -1)
  if (isDangerousScheme(scheme)) return refuse(`the scheme ${scheme} is never allowed`)
  if (!policy.customSchemes.includes(scheme) && !reverseDomain.test(scheme)) {
    return refuse(`the scheme ${scheme} is neither a reverse domain name (RFC 8252 section 7.1) nor on our list`)
  }
  const rest = url.href.slice(url.protocol.length)
  if (rest === '' || rest === '//') return refuse('it must hold more than a scheme')
  return { ok: true, kind: 'app' }
}

/**
 * The `application_type` that a set of accepted redirect URIs asks for. We never take the client's word: many omit it,
 * and only `native` makes the library ignore loopback ports and insist on consent.
 */
export function applicationType(uris: readonly string[]): 'web' | 'native' {
  return uris.every((uri) => uri.startsWith('https://')) ? 'web' : 'native'
}
