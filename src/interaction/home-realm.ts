/**
 * Home-realm discovery: which IdP an e-mail address belongs to. Only its domain counts, and only against the list in the
 * configuration, so the answer says nothing about whether anybody has that address.
 */
import { domainToASCII } from 'node:url'
import type { OpenIdp } from '../idp/registry.ts'

/** RFC 5321 section 4.5.3.1: 64 characters before the sign, and an address fits a path of 256 with its brackets. */
const LONGEST = 254
/** Letters, digits, hyphens and dots of any script after the sign: what reads a host name reads the start of a URL, and
 * undoes percent escapes. */
const ADDRESS = /^[^\s@\p{C}]{1,64}@([\p{L}\p{M}\p{N}.\u3002\uff0e\uff61-]+)$/u
/** A host name (RFC 1123 section 2.1), and no IP address. */
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/

/** The domain of an e-mail address in ASCII and lower case; undefined when the text is no address. */
export function domainOf(text: string): string | undefined {
  const [, written = ''] = (text.length <= LONGEST && ADDRESS.exec(text)) || []
  const domain = domainToASCII(written)
  return DOMAIN.test(domain) ? domain : undefined
}

/** The IdP that has the domain of this address. Never by a part of the domain: `evil-example.com` is not `example.com`. */
export function idpOfAddress<Idp extends Pick<OpenIdp, 'domains'>>(
  text: string | undefined,
  idps: Iterable<Idp>,
): Idp | undefined {
  const domain = text === undefined ? undefined : domainOf(text)
  return domain === undefined ? undefined : [...idps].find(({ domains }) => domains.includes(domain))
}
