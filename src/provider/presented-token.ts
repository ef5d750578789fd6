/**
 * Access tokens are JWTs, which oidc-provider neither revokes nor introspects. Here the JWT that a request to `/revoke`
 * or `/introspect` presents is verified and swapped for its `jti`, and its claims become the "stored" token that the
 * library looks up (see `persistence.ts`). Client authentication and policy so stay in one place, the library's.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import type { Context, Middleware } from 'koa'
import type { AdapterPayload } from 'oidc-provider'
import { parseForm, readBody, replayBody } from '../http/body.ts'

const FORM_LIMIT = 16 * 1024

type Carrier = { readonly state: Record<string, unknown> }

export function presentedToken(ctx: Carrier | undefined): AdapterPayload | undefined {
  return ctx?.state.presentedToken as AdapterPayload | undefined
}

/** Mount on POST `/revoke` and `/introspect`. */
export function acceptAccessTokens(issuer: string, publicJwks: JSONWebKeySet): Middleware {
  const keys = createLocalJWKSet(publicJwks)

  async function claimsOf(token: string): Promise<JWTPayload | undefined> {
    try {
      return (await jwtVerify(token, keys, { issuer, typ: 'at+jwt', algorithms: ['ES256'] })).payload
    } catch {
      return undefined
    }
  }

  return async function swapAccessToken(ctx: Context, next) {
    const body = await readBody(ctx, { limit: FORM_LIMIT })
    const form = parseForm(body)
    const [token, ...more] = form.getAll('token')
    if (token?.includes('.') && more.length === 0) {
      const claims = await claimsOf(token)
      ctx.state.presentedToken = claims && stored(claims)
      // A JWT that does not verify is unknown; no stored token has an id with a dot.
      form.set('token', claims?.jti ?? 'unknown.token')
      replayBody(ctx.req, Buffer.from(form.toString()))
    } else {
      replayBody(ctx.req, body)
    }
    await next()
  }
}

function stored(claims: JWTPayload): AdapterPayload {
  const { jti, sub, aud, exp, iat, scope, client_id: clientId, grant_id: grantId, iss: _, ...extra } = claims
  return { kind: 'AccessToken', jti, accountId: sub, clientId, grantId, aud, scope, exp, iat, extra } as AdapterPayload
}
