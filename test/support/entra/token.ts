/**
 * The token endpoint, after "OAuth 2.0 authorization code flow", "OAuth 2.0 client credentials flow" and "Refresh tokens
 * in the Microsoft identity platform": codes work once and with their PKCE verifier; a refresh token stays good beside the
 * one that replaces it, until the person is disabled or what they were given is revoked.
 */
import { createHash, randomBytes } from 'node:crypto'
import { authenticate } from './client-auth.ts'
import type { Directory, Person } from './directory.ts'
import { Aadsts } from './errors.ts'
import { claimsOf, type Keys } from './id-token.ts'

export interface Grant {
  readonly login: string
  readonly scopes: readonly string[]
  /** Of the authorization request; absent for a refresh token. */
  readonly request?: URLSearchParams
  used?: boolean
}

export interface Service {
  readonly directory: Directory
  readonly keys: Keys
  readonly codes: Map<string, Grant>
  readonly refreshTokens: Map<string, Grant>
  readonly accessTokens: Map<string, Grant>
}

export interface Place {
  /** A tenant, or `common`, `organizations` or `consumers`. */
  readonly tenant: string
  readonly cloud: string
  readonly graph: string
}

export const OIDC_SCOPES = ['openid', 'profile', 'email', 'offline_access']
/** "Claims challenges, claims requests and client capabilities" and "Developer guidance for Conditional Access". */
export function challengeOf({ policy }: Directory['behaviour']): string {
  return JSON.stringify({ access_token: { polids: { essential: true, values: [policy] } } })
}
const ENDED = { revoked: 50173, password: 50133, expired: 700082 } as const

const random = () => randomBytes(32).toString('base64url')

export async function issueTokens(service: Service, place: Place, form: URLSearchParams): Promise<object> {
  const { directory } = service
  const tenant = directory.tenants[place.tenant]
  if (form.get('client_id') !== directory.app.clientId || tenant?.hasApp === false) throw new Aadsts(700016)
  if (tenant?.appDisabled) throw new Aadsts(7000112)
  await authenticate(form, directory.app, `${place.cloud}/${place.tenant}/oauth2/v2.0/token`)
  if (directory.behaviour.tokenError) throw new Aadsts(directory.behaviour.tokenError)
  if (form.get('scope') === null) throw new Aadsts(900144)
  // The v2.0 endpoint refuses a resource that does not fit the scopes.
  if (form.has('resource')) throw new Aadsts(9010010)
  switch (form.get('grant_type')) {
    case 'client_credentials':
      // "Use the tenant-specific endpoint".
      if (!tenant) throw new Aadsts(9001023)
      return { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: random() }
    case 'authorization_code':
      return answer(service, place, redeem(service, form))
    case 'refresh_token':
      return answer(service, place, renew(service, form))
    default:
      throw new Aadsts(70003)
  }
}

function redeem({ codes }: Service, form: URLSearchParams): Grant {
  const grant = codes.get(form.get('code') ?? '')
  if (!grant?.request) throw new Aadsts(70000)
  if (grant.used) throw new Aadsts(54005)
  if (grant.request.get('redirect_uri') !== form.get('redirect_uri')) throw new Aadsts(500112)
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  if (challenge !== grant.request.get('code_challenge')) throw new Aadsts(501481)
  grant.used = true
  return grant
}

function renew({ refreshTokens, directory }: Service, form: URLSearchParams): Grant {
  const grant = refreshTokens.get(form.get('refresh_token') ?? '')
  if (!grant) throw new Aadsts(70000)
  const { ended } = personOf(directory, grant.login)
  // "Token revocation": by a reset of the password, by an administrator, or by the user.
  if (ended) throw new Aadsts(ENDED[ended])
  return grant
}

async function answer({ directory, keys, ...memory }: Service, place: Place, grant: Grant): Promise<object> {
  const person = personOf(directory, grant.login)
  const { scopes, request } = grant
  mayHaveTokens(directory, person, request === undefined)
  const kept: Grant = { login: grant.login, scopes }
  const [accessToken, refreshToken] = [random(), random()]
  memory.accessTokens.set(accessToken, kept)
  if (scopes.includes('offline_access')) memory.refreshTokens.set(refreshToken, kept)
  const claims = claimsOf(directory, person, { ...place, scopes, nonce: request?.get('nonce') ?? undefined })
  return {
    token_type: 'Bearer',
    scope: scopes.join(' '),
    expires_in: 3599,
    ext_expires_in: 3599,
    access_token: accessToken,
    ...(scopes.includes('offline_access') && { refresh_token: refreshToken }),
    ...(scopes.includes('openid') && { id_token: await keys.sign(claims, directory.behaviour.signWith) }),
  }
}

/** What is asked again whenever tokens are issued. */
function mayHaveTokens({ app, behaviour }: Directory, person: Person, refresh: boolean): void {
  if (person.disabled) throw new Aadsts(50057)
  if (app.assignmentRequired && !person.assigned) throw new Aadsts(50105)
  const { conditionalAccess: wants } = behaviour
  const challenge = challengeOf(behaviour)
  if (wants === 'block') throw new Aadsts(53003, challenge)
  const applies = wants === 'second factor' || (wants === 'second factor at refresh' && refresh)
  if (applies && !person.secondFactor) throw new Aadsts(50076, challenge)
}

export function personOf(directory: Directory, login: string): Person {
  const person = directory.people[login]
  if (!person) throw new Aadsts(50126)
  return person
}

/** Of the scopes asked for, what an access token for Graph holds, without the name of the API. */
export function grantedScopes(asked: readonly string[], graph: string, { consented }: Directory['app']): string[] {
  return asked.flatMap((scope) => {
    if (OIDC_SCOPES.includes(scope)) return [scope]
    // A scope without the name of its API is one of Graph.
    const name = scope.replace(`${graph}/`, '')
    if (!['User.Read', 'GroupMember.Read.All'].includes(name)) throw new Aadsts(650053)
    if (!consented.includes(name)) throw new Aadsts(name === 'User.Read' ? 65001 : 90094)
    return [name]
  })
}
