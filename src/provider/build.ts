/**
 * Builds the OAuth engine. This folder is the only importer of oidc-provider: it owns clients, grants, tokens and the
 * OAuth errors. What people see belongs to `interaction/`, which talks to it through the port in `authorization.ts`;
 * identity providers are unknown here.
 */
import type { JSONWebKeySet } from 'jose'
import Provider, { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Claims, Fetch } from '../adapter.ts'
import type { Config } from '../config/schema.ts'
import type { Store } from '../store.ts'
import { type Account, type Accounts, accessTokenClaims, asProviderAccount } from './accounts.ts'
import { secretMatches } from './client-secrets.ts'
import { canRefresh, clientFeatures, clientMetadataRules, introspectionClients } from './clients.ts'
import { groupsFault } from './groups.ts'
import { ENDPOINTS } from './metadata.ts'
import { answered, type PersistencePolicy, persistence } from './persistence.ts'
import { grantIdOf, prompts } from './prompts.ts'
import type { ReadAhead } from './read-ahead.ts'
import { CLIENT_AUTH_METHODS } from './registration.ts'
import { type Resources, resourceIndicators } from './resources.ts'
import { OPENID_SCOPES } from './scopes.ts'

type SignedInAccount = Account & {
  /** When its user came back from the IdP for the token at hand. Milliseconds. */
  readonly signedInAt: number
}

export interface EngineParts {
  readonly config: Config
  readonly store: Store
  readonly reads: ReadAhead
  readonly accounts: Accounts
  /** Whether a user may go on when a refresh token is used, and who they are by now. */
  readonly recheck: (account: SignedInAccount) => Promise<{ readonly claims?: Claims } | { readonly over: string }>
  /** Told of a user whose client gets its first refresh token next. */
  readonly connected: (account: SignedInAccount) => Promise<void>
  /** The kind of record of an account that it reads; read ahead. */
  readonly recheckReads: string | undefined
  readonly codeReplayed: PersistencePolicy['codeReplayed']
  readonly patience: PersistencePolicy['patience']
  readonly resources: Resources
  /** Private signing keys: ES256 first, then RS256. */
  readonly jwks: JSONWebKeySet
  readonly cookieKeys: () => readonly string[]
  /** Fetches what clients point at: metadata documents and `jwks_uri`. */
  readonly fetchForClients: Fetch
  /** Answers a browser whose request cannot go on. */
  readonly renderError: NonNullable<Configuration['renderError']>
  readonly now: () => number
}

/** Seconds from the authorization request to the end of its sign-in. */
export const INTERACTION_SECONDS = 600

export function buildProvider(parts: EngineParts): Provider {
  const { config, accounts, resources } = parts
  const secure = config.issuer.startsWith('https:')
  const cookie = { signed: true, httpOnly: true, sameSite: 'lax', secure } as const

  const configuration = {
    adapter: persistence(parts.store, parts.reads, {
      refreshReuse: config.tokens.refreshReuseSeconds * 1000,
      unusedClient: config.registration.unusedSeconds * 1000,
      refreshNeeds: parts.recheckReads,
      patience: parts.patience,
      codeReplayed: parts.codeReplayed,
      now: parts.now,
    }),
    jwks: parts.jwks as Configuration['jwks'],
    clients: introspectionClients(resources),
    routes: ENDPOINTS,
    scopes: [...OPENID_SCOPES],
    claims: { openid: ['sub', 'name', 'preferred_username', 'email', 'email_verified'] },
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: [...CLIENT_AUTH_METHODS],
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'none',
    },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'RS256'],
      clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    },
    extraClientMetadata: clientMetadataRules(config),
    conformIdTokenClaims: false,
    clockTolerance: 15,
    cookies: {
      // Never used: cookies are signed in the context of our own server. Without any the library warns.
      keys: [...parts.cookieKeys()],
      names: { interaction: 'consulate_interaction', resume: 'consulate_resume', session: 'consulate_session' },
      long: cookie,
      short: cookie,
    },
    pkce: { required: () => true },
    ttl: {
      AccessToken: config.tokens.accessTokenSeconds,
      AuthorizationCode: 60,
      Grant: config.tokens.grantSeconds,
      IdToken: config.tokens.accessTokenSeconds,
      Interaction: INTERACTION_SECONDS,
      RefreshToken: config.tokens.refreshTokenSeconds,
      Session: INTERACTION_SECONDS,
    },
    interactions: {
      policy: prompts(),
      url: (_ctx, interaction) => `${basePath(config)}/interaction/${interaction.uid}`,
    },
    /** Only the grant of this very interaction: one remembered by client id would serve any redirect URI of it. */
    async loadExistingGrant(ctx) {
      const id = grantIdOf(ctx)
      return id === undefined ? undefined : ctx.oidc.provider.Grant.find(id)
    },
    async findAccount(ctx, id, token) {
      const account = await answered(accounts.find(id))
      if (!account) return undefined
      if (!isRefresh(ctx, token)) {
        const known = withGroups(asProviderAccount(account), token)
        if (isFirstUse(ctx, token)) await answered(parts.connected({ ...account, signedInAt: signedInAt(token) }))
        return known
      }
      // Here, because the library has judged the token by now and spends it next: what fails here costs nobody a token.
      if (!isAllowed(account.idp, token))
        throw new errors.InvalidGrant('the IdP is not allowed for this server any more')
      const verdict = await answered(parts.recheck({ ...account, signedInAt: signedInAt(token) }))
      if ('over' in verdict) throw new errors.InvalidGrant('the identity provider no longer vouches for the user')
      return withGroups(asProviderAccount({ ...account, claims: verdict.claims ?? account.claims }), token)
    },
    async extraTokenClaims(ctx, token) {
      if (token.kind !== 'AccessToken') return undefined
      const wanted = resources.named(String(token.aud))?.claims ?? []
      return { grant_id: token.grantId, ...accessTokenClaims(ctx.oidc.account, wanted) }
    },
    issueRefreshToken: async (_ctx, client) => canRefresh(client),
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    async assertJwtClientAuthClaimsAndHeader(ctx, claims) {
      checkAssertion(claims, ctx.oidc.issuer, parts.now())
    },
    clientBasedCORS: () => true,
    fetch: parts.fetchForClients as NonNullable<Configuration['fetch']>,
    fetchResponseBodyLimits: { 'client_id metadata document': 5120, jwks_uri: 65_536, sector_identifier_uri: 65_536 },
    renderError: parts.renderError,
    features: {
      ...clientFeatures(config),
      resourceIndicators: resourceIndicators(resources),
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
      },
      introspection: {
        enabled: true,
        // RFC 7662 section 2: a server learns about tokens for itself, and of nothing else.
        async allowedPolicy(_ctx, client, token) {
          const resource = resources.introspectedBy(client.clientId)
          return token.kind === 'AccessToken' && resource !== undefined && token.aud === resource.resource
        },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
  } satisfies Configuration

  /** By the configuration of now, which may be a shorter list than at the sign-in. */
  const isAllowed = (idp: string, token: unknown): boolean => {
    const { resource } = (token ?? {}) as { resource?: unknown }
    const allowed = resources.named(String(resource))?.idps ?? config.idps.map(({ id }) => id)
    return allowed.includes(idp)
  }

  /** No token is better than one with groups that the user may have lost, and than one without those that the server asks
   * for. Nothing ends: once the groups are known again, so is the user. @throws {errors.InvalidGrant} */
  function withGroups(account: ReturnType<typeof asProviderAccount>, token: unknown) {
    const { kind, consumed, resource } = (token ?? {}) as { kind?: unknown; consumed?: unknown; resource?: unknown }
    if (kind !== 'AuthorizationCode' && (kind !== 'RefreshToken' || consumed !== undefined)) return account
    for (const name of [resource].flat()) {
      const named = resources.named(String(name))
      const fault = named && groupsFault(named, account.profile)
      if (fault) throw new errors.InvalidGrant(fault)
    }
    return account
  }

  const provider = new Provider(config.issuer, configuration)
  provider.proxy = true
  provider.Client.prototype.compareClientSecret = function compareHashed(presented: string) {
    return secretMatches(this.clientSecret, presented)
  }
  return provider
}

/** A spent refresh token ends its grant next, and is no reason to ask anybody about its user. */
function isRefresh({ oidc }: KoaContextWithOIDC, token: unknown): boolean {
  const { kind, consumed } = (token ?? {}) as { kind?: unknown; consumed?: unknown }
  return oidc?.route === 'token' && kind === 'RefreshToken' && consumed === undefined
}

/** Milliseconds. A code has the time of its sign-in, and so has every refresh token that came of it. One without would be
 * of nobody who signed in here. */
function signedInAt(token: unknown): number {
  const { authTime } = (token ?? {}) as { authTime?: unknown }
  return typeof authTime === 'number' ? authTime * 1000 : 0
}

/** Whether a code is exchanged by a client that gets a refresh token for it. */
function isFirstUse({ oidc }: KoaContextWithOIDC, token: unknown): boolean {
  const { kind } = (token ?? {}) as { kind?: unknown }
  return oidc?.route === 'token' && kind === 'AuthorizationCode' && canRefresh(oidc.client)
}

/** The path of the issuer without a trailing slash: empty for an issuer at the root of its host. */
export function basePath(config: Pick<Config, 'issuer'>): string {
  return new URL(config.issuer).pathname.replace(/\/$/, '')
}

/** Seconds. An assertion is remembered until it expires, so that it is good once; nobody needs one for longer. */
const MAX_ASSERTION_LIFETIME = 300

/** RFC 7523 section 3. @throws {errors.InvalidClientAuth} */
function checkAssertion(claims: Record<string, unknown>, issuer: string, now: number): void {
  // The issuer and nothing else: an address made from the Host header is not accepted.
  if (claims.aud !== issuer) throw new errors.InvalidClientAuth('the aud of an assertion must be the issuer')
  if (typeof claims.exp !== 'number' || claims.exp > now / 1000 + MAX_ASSERTION_LIFETIME) {
    throw new errors.InvalidClientAuth('an assertion must expire within five minutes')
  }
  if (typeof claims.jti !== 'string' || claims.jti.length > 256) {
    throw new errors.InvalidClientAuth('an assertion needs a jti of at most 256 characters')
  }
}
