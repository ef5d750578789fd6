/**
 * The callback of an IdP: takes the login attempt of this browser, lets the adapter prove who came back, and hands the
 * account to the engine.
 */
import type { Context } from 'koa'
import { isLoginRefused, type Refusal } from '../adapter.ts'
import { type ErrorCode, Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import { provenIdentity } from '../idp/identity.ts'
import { wayBack } from './back.ts'
import type { InteractionParts } from './parts.ts'
import type { Denial } from './port.ts'

const FORM_LIMIT = 64 * 1024

const REFUSALS: Record<Refusal, { readonly code: ErrorCode; readonly denial: Denial; readonly description: string }> = {
  denied: { code: 'idp_denied', denial: 'access_denied', description: 'the user did not sign in' },
  not_allowed: { code: 'idp_not_allowed', denial: 'access_denied', description: 'the user may not use this server' },
  unavailable: {
    code: 'idp_unavailable',
    denial: 'temporarily_unavailable',
    description: 'the identity provider does not answer',
  },
  invalid: { code: 'idp_invalid', denial: 'server_error', description: 'the sign-in could not be verified' },
}

export async function finishLogin(ctx: Context, parts: InteractionParts): Promise<void> {
  const idp = parts.idps.get(String(ctx.params.idp))
  if (!idp) throw new Failure('not_found', 'no IdP has this callback')
  if (ctx.method !== 'GET' && ctx.method !== 'POST') throw new Failure('bad_request', 'a callback is a GET or a POST')

  const body = ctx.method === 'POST' ? await readBody(ctx, { limit: FORM_LIMIT }) : undefined
  const attempt = await parts.attempts.take(
    ctx,
    idp.id,
    stateOf(body ? parseForm(body) : new URLSearchParams(ctx.querystring)),
  )
  const url = new URL(attempt.login.redirectUri)
  url.search = ctx.querystring
  const callback = new Request(url, {
    method: ctx.method,
    ...(body === undefined ? undefined : { body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
  })

  try {
    const identity = provenIdentity(await idp.adapter.finish(attempt.login, callback))
    const next = await parts.port.grant(attempt.uid, idp.id, identity)
    ctx.status = 303
    ctx.redirect(next.href)
  } catch (error) {
    if (!isLoginRefused(error)) throw error
    const { code, denial, description } = REFUSALS[error.reason]
    const target = await parts.port.deny(attempt.uid, denial, description)
    throw new Failure(code, `the sign-in at ${idp.id} failed`, { cause: error, back: target && wayBack(target) })
  }
}

/** The page for what an adapter threw. */
export function refusalCode(error: unknown): ErrorCode {
  return isLoginRefused(error) ? REFUSALS[error.reason].code : 'internal'
}

function stateOf(parameters: URLSearchParams): string {
  const [state, ...more] = parameters.getAll('state')
  if (!state || more.length > 0) throw new Failure('bad_request', 'a callback needs exactly one state')
  return state
}
