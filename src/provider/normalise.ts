/**
 * What clients send, put into the one form that oidc-provider is strict about: the resource in canonical form and
 * defaulted, scopes trimmed and cut down to what the resource has, registrations stripped of what we do not serve.
 * Registrations are judged here, since the library would take too much; of everything else the library owns the errors.
 */
import type { Context, Middleware } from 'koa'
import { Failure } from '../errors.ts'
import { parseForm, parseJson, readBody, replayBody } from '../http/body.ts'
import { normaliseRegistration, normaliseResponse, type Registration, type RegistrationPolicy } from './registration.ts'
import type { Resources } from './resources.ts'
import { normaliseScope, OPENID_SCOPES } from './scopes.ts'

const FORM_LIMIT = 16 * 1024
const REGISTRATION_LIMIT = 16 * 1024

/** Mount on GET `/authorize`. */
export function normaliseAuthorization(resources: Resources): Middleware {
  return async function canonicalAuthorization(ctx, next) {
    const query = new URLSearchParams(ctx.querystring)
    const resource = canonicalResourceIn(query, resources)
    if (resource && query.getAll('scope').length < 2) {
      query.set(
        'scope',
        normaliseScope(query.get('scope') ?? undefined, Object.keys(resource.scopes), resource.defaultScopes),
      )
    }
    // The library would answer a wrong request in the mode it asks for, by a page that submits itself.
    if (query.has('response_mode') && query.get('response_mode') !== 'query') query.set('response_mode', 'unsupported')
    ctx.querystring = query.toString()
    await next()
  }
}

/** Mount on POST `/token`. */
export function normaliseTokenRequest(resources: Resources): Middleware {
  return async function canonicalTokenRequest(ctx, next) {
    const body = await readBody(ctx, { limit: FORM_LIMIT })
    if (!ctx.is('application/x-www-form-urlencoded')) {
      replayBody(ctx.req, body)
      return next()
    }
    const form = parseForm(body)
    for (const [name, value] of [...form]) {
      if (name === 'resource' && form.getAll(name).length === 1) {
        form.set(name, resources.named(value)?.resource ?? value)
      }
      if (name === 'scope' && form.getAll(name).length === 1) form.set(name, value.trim().replace(/\s+/g, ' '))
    }
    if (form.get('scope') === '') form.delete('scope')
    replayBody(ctx.req, Buffer.from(form.toString()))
    return next()
  }
}

export interface RegistrationRules {
  readonly customSchemes: readonly string[]
  /** The origin of the issuer. */
  readonly origin: string
  /** Whether one more client may be registered. */
  readonly hasRoom: () => Promise<boolean>
}

/** Mount on POST `/register` (RFC 7591). */
export function normaliseRegistrationRequest(resources: Resources, rules: RegistrationRules): Middleware {
  const policy = {
    customSchemes: rules.customSchemes,
    origin: rules.origin,
    scopes: [...OPENID_SCOPES, ...resources.all.flatMap((resource) => Object.keys(resource.scopes))],
    grantTypes: ['authorization_code', 'refresh_token'],
  }
  return async function canonicalRegistration(ctx, next) {
    const body = await readBody(ctx, { limit: REGISTRATION_LIMIT })
    if (!ctx.is('application/json')) return refuse(ctx, 'invalid_client_metadata', 'send JSON as application/json')
    const outcome = judge(body, policy)
    if (!outcome.ok) return refuse(ctx, outcome.error, outcome.description)
    if (!(await rules.hasRoom())) {
      ctx.set('Retry-After', '3600')
      return refuse(ctx, 'temporarily_unavailable', 'too many clients are registered', 503)
    }
    // A client is not held to the scopes it names when it registers: stepping up would need a new registration.
    const { scope: _, ...metadata } = outcome.metadata
    replayBody(ctx.req, Buffer.from(JSON.stringify({ ...metadata, response_modes: ['query'] })))
    await next()
    if (ctx.status === 201) ctx.body = normaliseResponse(ctx.body as Record<string, unknown>)
  }
}

/** RFC 7591 section 3.2.2 has one error for every body that cannot be used. */
function judge(body: Buffer, policy: RegistrationPolicy): Registration {
  try {
    return normaliseRegistration(parseJson(body, { depth: 6 }), policy)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { ok: false, error: 'invalid_client_metadata', description: error.message }
  }
}

function refuse(ctx: Context, error: string, description: string, status = 400): void {
  ctx.status = status
  ctx.set('Cache-Control', 'no-store')
  ctx.body = { error, error_description: description }
}

function canonicalResourceIn(query: URLSearchParams, resources: Resources) {
  const asked = query.getAll('resource')
  if (asked.length > 1) return undefined
  const [indicator] = asked
  const resource =
    indicator === undefined ? resources.implied(query.get('scope') ?? undefined) : resources.named(indicator)
  if (resource) query.set('resource', resource.resource)
  return resource
}
