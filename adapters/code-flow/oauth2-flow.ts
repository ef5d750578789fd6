/**
 * The authorization code flow towards an OAuth 2.0 server without OpenID Connect, which names nobody: an API says whose
 * token it is. Public through `consulate/code-flow`.
 *
 * Owns the redirect, every check of the answer, and the tokens. State and PKCE S256 are always sent; state, repeated
 * parameters and `iss` are always checked. Leaves asking to `rest-api.ts`, and to the adapter who the answers name. There
 * is no nonce here, and some servers ignore PKCE: then nothing tells a code that was stolen elsewhere from the user's.
 */
import * as oidc from 'openid-client'
import { z } from 'zod'
import { type Hints, type Host, type Identity, type IdpAdapter, LoginRefused } from '../../src/adapter.ts'
import { callbackUrl } from './callback.ts'
import { type ClientSecretMethod, clientSecret } from './credentials.ts'
import { hostFetch, type IdpError, keeping, refusing } from './refusals.ts'
import { type Api, type ApiOptions, apiFor } from './rest-api.ts'

export interface OAuth2FlowOptions extends ApiOptions {
  /** What the server calls itself in the `iss` of an answer (RFC 9207). An answer that names another one is refused. */
  readonly issuer: string
  readonly authorizationEndpoint: URL
  readonly tokenEndpoint: URL
  readonly clientId: string
  readonly clientSecret: string
  /** How the secret is sent. By default `client_secret_basic`. */
  readonly clientSecretMethod?: ClientSecretMethod | undefined
  readonly scopes: readonly string[]
  /** More parameters of the authorization request. Those of the protocol win. */
  readonly parameters?: (hints: Hints) => Readonly<Record<string, string>>
  /** Keeps the tokens, so that `refresh` can re-check the user. By default not. */
  readonly recheck?: boolean | undefined
  /** What an error of this server means, for what the general rules cannot know. */
  readonly explain?: (error: IdpError) => LoginRefused | undefined
  /** Names the user, at the sign-in and at every re-check. @throws {LoginRefused} to turn the user away. */
  readonly identify: (api: Api) => Promise<Identity>
}

/** What is kept of a user as the `secret` of the identity. */
const Kept = z.object({
  access: z.string().min(1),
  refresh: z.string().min(1).optional(),
  /** When the access token ends, in milliseconds since the epoch. Absent for one that does not. */
  until: z.number().optional(),
})
type Kept = z.output<typeof Kept>

/** An access token is renewed this long before its end, in milliseconds. */
const EARLY_MS = 60_000

/** The `start`, `finish` and `refresh` of an adapter. Makes no request until a user signs in. */
export function oauth2Flow(options: OAuth2FlowOptions): Pick<IdpAdapter, 'start' | 'finish' | 'refresh'> {
  const { host, scopes, identify, explain, recheck } = options
  const config = configurationOf(options)
  const atRefresh = { explain, endsAccess: true }

  async function nameUser(kept: Kept, isRecheck: boolean): Promise<Identity> {
    const identity = await identify(apiFor(kept.access, options, isRecheck))
    return recheck ? { ...identity, secret: JSON.stringify(kept) } : identity
  }

  async function renew(kept: Kept): Promise<Kept> {
    const { refresh, until } = kept
    if (refresh === undefined || until === undefined || until > host.now().getTime() + EARLY_MS) return kept
    return keptOf(await oidc.refreshTokenGrant(config, refresh), host, refresh)
  }

  async function refresh(identity: Identity): Promise<Identity> {
    const kept = await renew(keptIn(identity))
    // A refresh token may work only once, and the API may fail after that.
    const now = await keeping(JSON.stringify(kept), atRefresh, () => nameUser(kept, true))
    if (now.subject !== identity.subject) throw new LoginRefused('invalid', 'the token is of another user')
    return now
  }

  return {
    start: ({ redirectUri, state, codeChallenge, hints }) =>
      refusing(async () => {
        const parameters = {
          ...options.parameters?.(hints),
          redirect_uri: redirectUri.href,
          response_type: 'code',
          scope: scopes.join(' '),
          state,
          code_challenge: codeChallenge,
          code_challenge_method: 'S256',
        }
        return { kind: 'redirect', url: oidc.buildAuthorizationUrl(config, parameters) }
      }),
    finish: (login, callback) =>
      refusing(
        async () => {
          const checks = { expectedState: login.state, pkceCodeVerifier: login.codeVerifier }
          const tokens = await oidc.authorizationCodeGrant(config, callbackUrl(login, callback), checks)
          return nameUser(keptOf(tokens, host), false)
        },
        { explain },
      ),
    ...(recheck && { refresh: (identity) => refusing(() => refresh(identity), atRefresh) }),
  }
}

/** @throws {Error} for an endpoint that is not https: that is a mistake of the adapter */
function configurationOf(options: OAuth2FlowOptions): oidc.Configuration {
  const { host, issuer, authorizationEndpoint, tokenEndpoint, clientId, api } = options
  for (const { protocol, origin } of [authorizationEndpoint, tokenEndpoint, api]) {
    if (protocol !== 'https:') throw new Error(`${origin} is not https`)
  }
  const server = {
    issuer,
    authorization_endpoint: authorizationEndpoint.href,
    token_endpoint: tokenEndpoint.href,
  }
  const { authenticate } = clientSecret(options.clientSecret, options.clientSecretMethod)
  const config = new oidc.Configuration(server, clientId, undefined, authenticate)
  const fetch = hostFetch(host)
  config[oidc.customFetch] = async (url, init) => withHonestStatus(await fetch(url, init))
  return config
}

/** Some servers answer a refused token request with status 200 and an `error`, GitHub among them. */
async function withHonestStatus(response: Response): Promise<Response> {
  const body = await response.text()
  const answer: unknown = await new Response(body).json().catch(() => undefined)
  const refused = typeof answer === 'object' && answer !== null && 'error' in answer
  const { status, headers } = response
  return new Response(body, { status: refused && status === 200 ? 400 : status, headers })
}

function keptOf(tokens: oidc.TokenEndpointResponse, host: Host, before?: string): Kept {
  const { access_token: access, refresh_token: refresh = before, expires_in: seconds } = tokens
  return {
    access,
    ...(refresh !== undefined && { refresh }),
    ...(seconds !== undefined && { until: host.now().getTime() + seconds * 1000 }),
  }
}

function keptIn({ secret }: Identity): Kept {
  if (secret === undefined) throw new LoginRefused('unavailable', 'there is no token to re-check this user by')
  const kept = Kept.safeParse(JSON.parse(secret))
  if (!kept.success) throw new LoginRefused('invalid', 'what was kept of this user is no token')
  return kept.data
}
