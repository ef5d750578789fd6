/**
 * Client metadata (RFC 7591 section 2) as it arrives from strangers: the members we know, each cut down to what may be
 * stored, shown and sent on.
 *
 * Owns the shape of every member. A member that only decorates is dropped when it is unusable; one that decides how the
 * client works is an error. What follows from the members together is in `registration.ts`. The size and the depth of
 * the body are bounded before it comes here.
 */
import { z } from 'zod'
import { parseUrl } from '../url.ts'

/** The members we keep. All others, `client_name#de` and the like included, are ignored. */
export const CLIENT_MEMBERS = [
  'client_name',
  'redirect_uris',
  'grant_types',
  'response_types',
  'token_endpoint_auth_method',
  'scope',
  'application_type',
  'client_uri',
  'logo_uri',
  'tos_uri',
  'policy_uri',
  'contacts',
  'software_id',
  'software_version',
  'jwks',
  'jwks_uri',
  'id_token_signed_response_alg',
] as const

const maxText = 512
const maxName = 64
const maxList = 64
const maxRedirectUris = 10
const maxContacts = 5
const maxKeys = 10
/** The modulus of an RSA key of 8192 bits in base64url is 1366 characters long. */
const maxKeyText = 2048

/** Characters that hide, reorder or break text, and those without a shape: a name must look like what it is. */
const deceptive = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\u2800]/gu

/** Text as people may see it: one line, NFC, without invisible characters, at most `max` code points. */
export function visibleText(raw: string, max: number): string {
  const line = raw
    .slice(0, 4 * max)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(deceptive, '')
    .normalize('NFC')
    .replaceAll(/ +/g, ' ')
    .trim()
  return [...line].slice(0, max).join('').trim()
}

/** https, with a plain host part: fit to be a link or to be fetched under the guard of outgoing requests. */
function isHttpsUri(text: string): boolean {
  if (!/^https:\/\/[\x21-\x5b\x5d-\x7e]+$/.test(text)) return false
  const url = parseUrl(text)
  return url !== undefined && url.username === '' && url.password === ''
}

/** Clients spell "not given" in three ways. */
const given = (value: unknown) => (value === null || value === '' ? undefined : value)
/** A member whose faults are errors. */
const strict = <T extends z.ZodType>(schema: T) => z.preprocess(given, schema.optional()).optional()
/** A member whose faults make it absent. */
const lenient = <T extends z.ZodType>(schema: T) => strict(schema).catch(undefined)

function stringList(min: number, max: number, rule: string) {
  return z.array(z.string(rule), rule).min(min, rule).max(max, rule)
}

const strings = stringList(0, maxList, `must be a list of at most ${maxList} strings`)
const text = z
  .string()
  .max(maxText)
  .transform((raw) => visibleText(raw, maxText) || undefined)
const httpsUri = z.string().max(maxText).refine(isHttpsUri)
const keyText = z.string().min(1).max(maxKeyText).optional()
const secret = z.undefined().optional()

/** A public key (RFC 7517). One with a private or symmetric part makes the whole set unusable. */
const publicKey = z.object({
  kty: z.enum(['EC', 'RSA', 'OKP']),
  kid: keyText,
  use: keyText,
  alg: keyText,
  crv: keyText,
  x: keyText,
  y: keyText,
  n: keyText,
  e: keyText,
  d: secret,
  p: secret,
  q: secret,
  dp: secret,
  dq: secret,
  qi: secret,
  oth: secret,
  k: secret,
})

export const clientMetadata = z.object({
  redirect_uris: z.preprocess(
    given,
    stringList(1, maxRedirectUris, `must be a list of 1 to ${maxRedirectUris} strings`),
  ),
  response_types: strict(
    strings.refine((types) => types.length === 0 || types.includes('code'), 'must include code, the only one we have'),
  ),
  grant_types: strict(strings),
  token_endpoint_auth_method: strict(z.string('must be a string')),
  token_endpoint_auth_methods_supported: lenient(strings),
  scope: lenient(z.string()),
  client_name: lenient(z.string().transform((raw) => visibleText(raw, maxName) || undefined)),
  client_uri: lenient(httpsUri),
  logo_uri: lenient(httpsUri),
  tos_uri: lenient(httpsUri),
  policy_uri: lenient(httpsUri),
  contacts: lenient(z.array(z.unknown()).transform(usableContacts)),
  software_id: lenient(text),
  software_version: lenient(text),
  jwks: lenient(z.object({ keys: z.array(publicKey).min(1).max(maxKeys) })),
  jwks_uri: lenient(httpsUri),
  id_token_signed_response_alg: lenient(z.enum(['ES256', 'RS256'])),
})

export type ClientMetadataInput = z.output<typeof clientMetadata>

/** The library refuses a client for one contact that is no mail address. */
function usableContacts(contacts: readonly unknown[]): string[] | undefined {
  const usable = contacts.filter(
    (contact): contact is string =>
      typeof contact === 'string' && contact.length <= maxText && z.regexes.html5Email.test(contact),
  )
  return usable.length === 0 ? undefined : usable.slice(0, maxContacts)
}

/** Without the members that are `undefined` or `null`: they must not be stored, nor sent to clients. */
export function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null))
}
