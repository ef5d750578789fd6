/**
 * The authorization code flow towards an OpenID provider, shared by all adapters. This file is public as
 * `consulate/code-flow`.
 *
 * Owns the redirect, every check of the answer, the re-check of a user, and the words for what went wrong: state, nonce
 * and PKCE S256 are always sent and always checked, so no adapter can forget one. Leaves to the adapter who the verified
 * claims name.
 */
import type { JWTPayload } from 'jose'
import * as oidc from 'openid-client'
import { type Claims, type Identity, type IdpAdapter, LoginRefused } from '../src/adapter.ts'
import { callbackUrl } from './code-flow/callback.ts'
import { type Connection, connector, requireEndpoint, type ServerOptions } from './code-flow/connection.ts'
import {
  type ClientSecretMethod,
  type Credential,
  clientSecret,
  publicClient,
  rotating,
} from './code-flow/credentials.ts'
import { type IdTokenClaims, type SigningKey, verifyIdToken, verifyLogoutToken } from './code-flow/id-token.ts'
import { hostFetch, type IdpError, idpErrorOf, keeping, type LibraryFetch, refusing } from './code-flow/refusals.ts'
import { authorizationParameters, type RequestOptions } from './code-flow/request.ts'

export {
  assertionFile,
  type ClientSecretMethod,
  type Credential,
  clientSecret,
  privateKeyJwt,
} from './code-flow/credentials.ts'
export type { IdTokenClaims } from './code-flow/id-token.ts'
export { type OAuth2FlowOptions, oauth2Flow } from './code-flow/oauth2-flow.ts'
export { hostName, httpsUrl, textList } from './code-flow/options.ts'
export { type IdpError, idpWords } from './code-flow/refusals.ts'
export type { Api } from './code-flow/rest-api.ts'

export interface OidcFlowOptions extends ServerOptions, RequestOptions {
  /** Absent for a public client, which PKCE alone protects. */
  readonly clientSecret?: string | undefined
  /** How the secret is sent. By default `client_secret_basic`, unless the IdP lists other methods only. */
  readonly clientSecretMethod?: ClientSecretMethod | undefined
  /** In place of `clientSecret`: credentials of any kind, of which the first that the IdP takes is used. */
  readonly credentials?: readonly Credential[] | undefined
  /** Whether token requests carry the scopes too. By default not. */
  readonly scopesAtToken?: boolean | undefined
  /** Keeps the refresh token that the IdP hands out, so that `refresh` can re-check the user. By default not. */
  readonly recheck?: boolean | undefined
  /** Whether the IdP posts logout tokens: the logout page promises what they do. By default not. */
  readonly backchannelLogout?: boolean | undefined
  /** The issuer that a token with these claims, not verified yet, must be of. By default the discovered one. */
  readonly issuerOf?: (claims: JWTPayload, discovered: string) => string
  /** Whether to ask the userinfo endpoint, if there is one, for what the ID token lacks. By default not. */
  readonly needsUserInfo?: (claims: IdTokenClaims) => boolean
  /** Names the user, at the sign-in and at every re-check. @throws {LoginRefused} to turn the user away. */
  readonly identify: (user: VerifiedUser) => Identity | Promise<Identity>
  /** The session at the IdP. By default the claim `sid`. */
  readonly sessionFrom?: (claims: IdTokenClaims) => string | undefined
  /** What an error of this IdP means, for what the general rules cannot know, at a sign-in or at a re-check. */
  readonly explain?: (error: IdpError, recheck: boolean) => LoginRefused | undefined
  /** Whether an error is about our credential. By default `invalid_client`. */
  readonly refusesCredential?: (error: IdpError) => boolean
}

export interface VerifiedUser {
  readonly claims: IdTokenClaims
  /** The issuer as discovered. */
  readonly issuer: string
  /** The published key whose id the token names, with all its members. */
  readonly signingKey: SigningKey | undefined
  /** For the APIs of the IdP, within the scopes that were asked for. */
  readonly accessToken: string
  /** Whether this is a re-check. `denied` and `not_allowed` then end the user's access for good. */
  readonly recheck: boolean
}

export type OidcFlow = Required<Pick<IdpAdapter, 'start' | 'finish' | 'endSession'>> &
  Pick<IdpAdapter, 'refresh' | 'loggedOut'>

const NO_REFRESH_TOKEN =
  'the IdP handed out no refresh token, so users cannot be re-checked: allow it there (offline access), or set recheck: false'

interface Tokens {
  readonly access_token: string
  readonly refresh_token?: string
  readonly idToken: string | undefined
}

/** All that an adapter does which is the protocol's. Makes no request until a user signs in. */
export function oidcFlow(options: OidcFlowOptions): OidcFlow {
  const { host, clientId, scopes, identify, explain, recheck } = options
  const connect = connector(options)
  const withCredential = rotating(credentialsOf(options), (thrown) => {
    const error = idpErrorOf(thrown)
    return error !== undefined && (options.refusesCredential?.(error) ?? error.error === 'invalid_client')
  })
  const atRefresh = { explain, endsAccess: true }
  const atToken = options.scopesAtToken ? { scope: scopes.join(' ') } : undefined

  /** The ID token is kept from openid-client, which knows no issuer but the discovered one; we verify it ourselves. */
  function redeem(
    connection: Connection,
    grant: (config: oidc.Configuration) => Promise<oidc.TokenEndpointResponse>,
  ): Promise<Tokens> {
    return withCredential(async ({ authenticate }) => {
      const kept = keepingIdToken(hostFetch(host))
      const answer = await grant(connection.configure(authenticate, kept.fetch))
      return { ...answer, idToken: kept.idToken() }
    })
  }

  async function nameUser(connection: Connection, tokens: Tokens, nonce?: string): Promise<Identity> {
    const { issuer } = connection
    const { access_token: accessToken, refresh_token: refreshToken } = tokens
    const expected = { host, connection, clientId, issuerOf: options.issuerOf }
    const { claims, signingKey } = await verifyIdToken(tokens.idToken ?? '', expected, { nonce, accessToken })
    const more = options.needsUserInfo?.(claims) && (await userInfo(connection, accessToken, claims.sub))
    const user = { issuer, signingKey, accessToken, recheck: nonce === undefined }
    const identity = await identify({ ...user, claims: { ...more, ...claims } })
    const session = options.sessionFrom ? options.sessionFrom(claims) : claims.sid
    return {
      ...identity,
      ...(recheck && refreshToken !== undefined && { secret: refreshToken }),
      ...(isText(session) && { session }),
    }
  }

  async function refresh(identity: Identity): Promise<Identity> {
    const { secret, session } = identity
    if (secret === undefined)
      throw new LoginRefused('unavailable', 'there is no refresh token to re-check this user by')
    const connection = await connect()
    const tokens = await redeem(connection, (config) => oidc.refreshTokenGrant(config, secret, atToken))
    const renewed = tokens.refresh_token ?? secret
    const now = await keeping(renewed, atRefresh, () =>
      tokens.idToken === undefined ? nameAgain(connection, tokens) : nameUser(connection, tokens),
    )
    if (now && now.subject !== identity.subject) {
      throw new LoginRefused('invalid', 'the refresh token is of another user')
    }
    return { ...(session !== undefined && { session }), ...(now ?? identity), secret: renewed }
  }

  /** Many IdPs send no ID token with a refresh (OpenID Connect Core section 12.2). Some can still say who the user is. */
  async function nameAgain(
    connection: Connection,
    { access_token: accessToken }: Tokens,
  ): Promise<Identity | undefined> {
    const claims = await userInfo(connection, accessToken, oidc.skipSubjectCheck)
    const user = { issuer: connection.issuer, signingKey: undefined, accessToken, recheck: true }
    return claims && identify({ ...user, claims: { ...claims, iss: connection.issuer } })
  }

  return {
    start: (login) =>
      refusing(async () => {
        const { configure, metadata } = await connect()
        const parameters = authorizationParameters(login, options, metadata)
        return { kind: 'redirect', url: oidc.buildAuthorizationUrl(configure(oidc.None()), parameters) }
      }),
    finish: (login, callback) =>
      refusing(
        async () => {
          const current = callbackUrl(login, callback)
          const connection = await connect()
          const checks = { expectedState: login.state, pkceCodeVerifier: login.codeVerifier }
          const tokens = await redeem(connection, (config) =>
            oidc.authorizationCodeGrant(config, current, checks, atToken),
          )
          const identity = await nameUser(connection, tokens, login.nonce)
          if (recheck && identity.secret === undefined) host.warn('no_refresh_token', NO_REFRESH_TOKEN)
          return identity
        },
        { explain },
      ),
    ...(recheck && { refresh: (identity) => refusing(() => refresh(identity), atRefresh) }),
    endSession: (returnTo) =>
      refusing(async () => {
        const connection = await connect()
        const endpoint = connection.metadata.end_session_endpoint
        if (endpoint === undefined) return undefined
        requireEndpoint('end_session_endpoint', endpoint, options)
        const parameters = { post_logout_redirect_uri: returnTo.href }
        return oidc.buildEndSessionUrl(connection.configure(oidc.None()), parameters)
      }),
    ...(options.backchannelLogout && {
      loggedOut: (token) =>
        refusing(() => verifyLogoutToken(token, { host, clientId, issuerOf: options.issuerOf }, connect)),
    }),
  }
}

/** The claims that OpenID Connect Core section 5.1 names, and groups, as far as they have the right type. */
export function standardClaims(claims: IdTokenClaims, groupsClaim = 'groups'): Claims {
  const { name, email, email_verified: emailVerified, preferred_username: username, [groupsClaim]: groups } = claims
  return {
    ...(isText(name) && { name }),
    ...(isText(email) && { email }),
    ...(isText(email) && typeof emailVerified === 'boolean' && { emailVerified }),
    ...(isText(username) && { username }),
    ...(Array.isArray(groups) && groups.every(isText) && { groups }),
  }
}

async function userInfo(
  { metadata, configure }: Connection,
  accessToken: string,
  subject: string | typeof oidc.skipSubjectCheck,
): Promise<oidc.UserInfoResponse | undefined> {
  if (metadata.userinfo_endpoint === undefined) return undefined
  return oidc.fetchUserInfo(configure(oidc.None()), accessToken, subject)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function credentialsOf({ credentials, clientSecret: secret, clientSecretMethod }: OidcFlowOptions) {
  return credentials ?? [secret === undefined ? publicClient : clientSecret(secret, clientSecretMethod)]
}

/** Takes the ID token out of a token endpoint's answer, and challenges that would hide the words of an error. */
function keepingIdToken(fetch: LibraryFetch): {
  readonly fetch: LibraryFetch
  readonly idToken: () => string | undefined
} {
  let kept: string | undefined
  return {
    idToken: () => kept,
    async fetch(url, init) {
      const response = await fetch(url, init)
      const text = await response.text()
      const headers = { 'content-type': response.headers.get('content-type') ?? '' }
      const answer = (await new Response(text).json().catch(() => undefined)) as
        | { id_token?: unknown }
        | null
        | undefined
      if (typeof answer?.id_token !== 'string') return new Response(text, { status: response.status, headers })
      const { id_token: idToken, ...rest } = answer
      kept = String(idToken)
      return new Response(JSON.stringify(rest), { status: response.status, headers })
    },
  }
}
