/**
 * The authorization server metadata (RFC 8414, OpenID Connect Discovery): the library's document, with endpoints of the
 * issuer whatever the request looked like, and without what does not work here.
 */
import type { Middleware } from 'koa'
import type { Resources } from './resources.ts'
import { OPENID_SCOPES } from './scopes.ts'

/** The endpoints, below the issuer. MCP clients guess the first three when discovery fails, so they are never renamed. */
export const ENDPOINTS = {
  authorization: '/authorize',
  token: '/token',
  registration: '/register',
  jwks: '/jwks',
  revocation: '/revoke',
  introspection: '/introspect',
} as const

export const DISCOVERY = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'] as const

/** What an ID token of ours holds about the user and itself. */
const CLAIMS = ['sub', 'name', 'preferred_username', 'email', 'email_verified', 'iss', 'aud', 'exp', 'iat']

const INTROSPECTION = (issuer: string) => ({
  introspection_endpoint: issuer + ENDPOINTS.introspection,
  introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
})

export function metadata(issuer: string, resources: Resources): Middleware {
  const introspection = resources.all.some((resource) => resource.introspection)
  const scopes = new Set([...OPENID_SCOPES, ...resources.all.flatMap((resource) => Object.keys(resource.scopes))])
  return async function publishMetadata(ctx, next) {
    await next()
    if (ctx.status !== 200 || !ctx.body) return
    const {
      registration_endpoint: registration,
      introspection_endpoint: _,
      ...body
    } = ctx.body as Record<string, unknown>
    const algorithms = body.token_endpoint_auth_signing_alg_values_supported
    ctx.body = {
      ...body,
      authorization_endpoint: issuer + ENDPOINTS.authorization,
      token_endpoint: issuer + ENDPOINTS.token,
      ...(registration ? { registration_endpoint: issuer + ENDPOINTS.registration } : undefined),
      jwks_uri: issuer + ENDPOINTS.jwks,
      revocation_endpoint: issuer + ENDPOINTS.revocation,
      revocation_endpoint_auth_methods_supported: body.token_endpoint_auth_methods_supported,
      revocation_endpoint_auth_signing_alg_values_supported: algorithms,
      ...(introspection ? INTROSPECTION(issuer) : undefined),
      claims_supported: CLAIMS,
      response_modes_supported: ['query'],
      scopes_supported: [...scopes],
    }
  }
}
