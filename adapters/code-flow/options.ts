/** What several adapters ask for in their configuration. */
import { z } from 'zod'

/** Host names of this computer, as URLs have them. An IdP there may speak plain http, in tests and development. */
export const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** An https address without query and fragment. Loses the slash at its end. */
export function httpsUrl() {
  return z
    .url({ protocol: /^https$/, abort: true })
    .refine(
      (url) => !/[?#]/.test(url) && new URL(url).username === '',
      'use an https address without user, query and fragment',
    )
    .transform((url) => new URL(url).href.replace(/\/+$/, ''))
}

/** A name of the DNS with a top-level domain that is no number. */
export const DOMAIN = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/

/** A host name, as `login.example.com`. */
export function hostName() {
  return z.string().toLowerCase().regex(DOMAIN, 'write the host name alone, without https:// and path')
}

/** Every text of a claim that should be a list of texts; undefined when it is anything else, which means unknown. */
export function textList(claim: unknown): readonly string[] | undefined {
  const list = z.array(z.string().min(1)).safeParse(claim)
  return list.success ? list.data : undefined
}
