/**
 * What a client may be: the answer to a registration request (RFC 7591) and to a Client ID Metadata Document, as
 * functions of their input and our policy alone.
 *
 * Owns the rules that join members: which client authentication goes with which keys, which grants and scopes are left,
 * what the application type is. Members are in `client-metadata.ts`, redirect URIs in `redirect-uris.ts`. Reading,
 * fetching and storing are for the callers. Nothing here throws, whatever it is given.
 */

import { parseUrl } from '../url.ts'
import { type ClientMetadataInput, clientMetadata, present } from './client-metadata.ts'
import { applicationType, checkRedirectUri, MAX_URI_LENGTH, type RedirectPolicy } from './redirect-uris.ts'
import { scopeTokens } from './scopes.ts'

export interface RegistrationPolicy extends RedirectPolicy {
  /** Every scope of every resource, and the ones of OpenID Connect that we have. */
  readonly scopes: readonly string[]
  readonly grantTypes: readonly string[]
}

export interface DocumentPolicy extends RedirectPolicy {
  /** Authorization code and refresh token when absent. */
  readonly grantTypes?: readonly string[]
}

export type Registration =
  | { readonly ok: true; readonly metadata: Record<string, unknown> }
  | {
      readonly ok: false
      readonly error: 'invalid_client_metadata' | 'invalid_redirect_uri'
      readonly description: string
    }

export type DocumentVerdict =
  | { readonly ok: true; readonly metadata: Record<string, unknown> }
  | { readonly ok: false; readonly reason: string }

export type ClientIdUrlVerdict =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly reason: string }

/** How clients may authenticate at the token endpoint. */
export const CLIENT_AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
const interactiveGrants = ['authorization_code', 'refresh_token']
const unnamed = 'Unnamed application'
const needsKeys = 'private_key_jwt needs jwks with public keys, or an https jwks_uri, and not both'

/** Judges the body of a registration request and answers the metadata to register, with all defaults filled in. */
export function normaliseRegistration(body: unknown, policy: RegistrationPolicy): Registration {
  const members = readMembers(body, policy)
  if (!members.ok) return members
  const { scope, ...rest } = members.input
  const method = rest.token_endpoint_auth_method ?? 'client_secret_basic'
  if (!CLIENT_AUTH_METHODS.some((known) => known === method)) {
    return invalid(`token_endpoint_auth_method must be one of ${CLIENT_AUTH_METHODS.join(', ')}`)
  }
  if (method === 'private_key_jwt' && !hasKeys(rest)) return invalid(needsKeys)
  const scopes = scopeTokens(scope ?? '').filter((token) => policy.scopes.includes(token))
  return {
    ok: true,
    metadata: present({
      ...describe(rest, method, policy.grantTypes),
      scope: scopes.length === 0 ? undefined : scopes.join(' '),
    }),
  }
}

/**
 * The registration answer as clients parse it: some fail on null members, and a secret that the client will never use
 * must not travel.
 */
export function normaliseResponse(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const answer = present(body)
  if (answer.token_endpoint_auth_method === 'none') {
    delete answer.client_secret
    delete answer.client_secret_expires_at
  }
  return answer
}

/**
 * Judges a `client_id` that is a URL before anything is fetched (draft-ietf-oauth-client-id-metadata-document, section
 * 3). It must be its own canonical form, so that the name people read, the text clients send and the address we fetch
 * are one. Whether the host may be contacted at its address is for the guard of outgoing requests.
 */
export function checkClientIdUrl(
  id: string,
  rules: { readonly hosts?: readonly string[] | undefined } = {},
): ClientIdUrlVerdict {
  const refuse = (reason: string) => ({ ok: false, reason }) as const
  if (id.length > MAX_URI_LENGTH) return refuse(`the client_id must be at most ${MAX_URI_LENGTH} characters long`)
  const url = parseUrl(id)
  if (url?.protocol !== 'https:') return refuse('the client_id must be an https URL')
  if (id.includes('#')) return refuse('the client_id must not have a fragment')
  if (url.username !== '' || url.password !== '') return refuse('the client_id must not hold a user name or password')
  if (url.pathname === '/') return refuse('the client_id must have a path')
  // Dot segments, backslashes, white space, a host in capitals or a default port: parsing rewrites them all.
  if (url.href !== id) return refuse('the client_id must be in canonical form, without dot segments')
  if (url.hostname.endsWith('.')) return refuse('the host of the client_id must not end with a dot')
  if (rules.hosts !== undefined && !rules.hosts.includes(url.hostname)) {
    return refuse('the host of the client_id is not among those allowed')
  }
  return { ok: true, url }
}

/**
 * Judges a metadata document fetched from `clientIdUrl`, which {@link checkClientIdUrl} has accepted. The scope that a
 * document names is ignored: what a client may ask for is decided by the resource.
 */
export function checkDocument(
  clientIdUrl: URL,
  document: Readonly<Record<string, unknown>>,
  policy: DocumentPolicy,
): DocumentVerdict {
  if (document.client_id !== clientIdUrl.href) {
    return { ok: false, reason: 'the client_id in the document is not the URL of the document' }
  }
  if (Object.keys(document).some((member) => member.startsWith('client_secret'))) {
    return { ok: false, reason: 'a metadata document must not hold a client secret' }
  }
  const members = readMembers(document, policy)
  if (!members.ok) return { ok: false, reason: members.description }
  const { scope: _, ...rest } = members.input
  if (rest.client_name === undefined) return { ok: false, reason: 'client_name is required' }
  const method = documentAuthMethod(rest)
  if (method === undefined) {
    return { ok: false, reason: `token_endpoint_auth_method must be none or private_key_jwt; ${needsKeys}` }
  }
  return {
    ok: true,
    metadata: { client_id: clientIdUrl.href, ...describe(rest, method, policy.grantTypes ?? interactiveGrants) },
  }
}

/**
 * A published document cannot hold a secret. One that offers a choice (`token_endpoint_auth_methods_supported`) gets
 * the stronger method that its keys allow.
 */
function documentAuthMethod(input: ClientMetadataInput): 'none' | 'private_key_jwt' | undefined {
  const method = input.token_endpoint_auth_method
  if (method?.startsWith('client_secret')) return undefined
  const offered = input.token_endpoint_auth_methods_supported ?? []
  if (method === 'none' || (method === undefined && offered.length === 0)) return 'none'
  if ((method === 'private_key_jwt' || offered.includes('private_key_jwt')) && hasKeys(input)) return 'private_key_jwt'
  return offered.includes('none') ? 'none' : undefined
}

function readMembers(
  body: unknown,
  policy: RedirectPolicy,
): { readonly ok: true; readonly input: ClientMetadataInput } | (Registration & { readonly ok: false }) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return invalid('the body must be a JSON object')
  const parsed = clientMetadata.safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const member = String(issue?.path[0])
    const description = `${member} ${issue?.message}`
    return member === 'redirect_uris' ? { ok: false, error: 'invalid_redirect_uri', description } : invalid(description)
  }
  for (const [index, uri] of parsed.data.redirect_uris.entries()) {
    const verdict = checkRedirectUri(uri, policy)
    if (verdict.ok) continue
    const description = `redirect_uris[${index}] ${quotable(uri)}: ${verdict.reason}`
    return { ok: false, error: 'invalid_redirect_uri', description }
  }
  return { ok: true, input: parsed.data }
}

/** Everything but the scope. Keys are kept only where they are used: each `jwks_uri` is an address we would fetch. */
function describe(input: Omit<ClientMetadataInput, 'scope'>, method: string, supported: readonly string[]) {
  const { token_endpoint_auth_methods_supported: _, jwks, jwks_uri, ...decoration } = input
  return present({
    ...decoration,
    client_name: input.client_name ?? unnamed,
    response_types: ['code'],
    grant_types: grantTypes(input.grant_types ?? [], supported),
    token_endpoint_auth_method: method,
    application_type: applicationType(input.redirect_uris),
    ...(method === 'private_key_jwt' ? { jwks, jwks_uri } : {}),
  })
}

/** The grants asked for that we have. The code grant is always one of them, since `code` is the response type. */
function grantTypes(asked: readonly string[], supported: readonly string[]): string[] {
  const left = asked.filter((grant) => supported.includes(grant))
  return [...new Set(left.length === 0 ? interactiveGrants : ['authorization_code', ...left])]
}

function hasKeys({ jwks, jwks_uri }: Pick<ClientMetadataInput, 'jwks' | 'jwks_uri'>): boolean {
  return (jwks === undefined) !== (jwks_uri === undefined)
}

function invalid(description: string): Registration & { readonly ok: false } {
  return { ok: false, error: 'invalid_client_metadata', description }
}

/** In the character set of `error_description` (RFC 6749 section 5.2) and short. */
function quotable(uri: string): string {
  return uri.slice(0, 100).replaceAll(/[^\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
