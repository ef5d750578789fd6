/**
 * What the browser sees between `/authorize` and the code. The order is the security: our consent page first, then a
 * login attempt bound to this browser, then the IdP, then its one fixed callback.
 *
 * It owns these pages and the login attempts. The OAuth request behind them belongs to `provider/` and is reached only
 * through the port; what the IdP says is proven by its adapter.
 */
import Router from '@koa/router'
import type { Context } from 'koa'
import type { ResourceConfig } from '../config/schema.ts'
import { Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import type { OpenIdp } from '../idp/registry.ts'
import { leaveWithError } from './back.ts'
import { finishLogin, refusalCode } from './callback.ts'
import { chooseModel, consentModel, formModel } from './models.ts'
import type { InteractionParts } from './parts.ts'
import type { PendingAuthorization } from './port.ts'

const FORM_LIMIT = 16 * 1024

export function interactionRoutes(parts: InteractionParts): Router {
  const { base, port, attempts, forms, pages } = parts
  return new Router()
    .get('/interaction/:uid', showConsent)
    .post('/interaction/:uid', decide)
    .get('/interaction/:uid/choose', showChoice)
    .post('/interaction/:uid/choose', choose)
    .get('/interaction/:uid/sign-in', signIn)
    .all('/callback/:idp', (ctx) => finishLogin(ctx, parts))

  async function showConsent(ctx: Context): Promise<void> {
    const request = await pending(ctx)
    const form = formOf(request, '')
    pages.show(ctx, 'consent', consentModel(request, idpsFor(request.resource), form))
  }

  async function decide(ctx: Context): Promise<void> {
    const request = await pending(ctx)
    const form = await postedForm(ctx, request)
    if (form.get('decision') !== 'approve') return cancel(ctx, request, form)
    await port.approve(request.uid)
    const [only, ...others] = idpsFor(request.resource)
    if (only && others.length === 0) return begin(ctx, request, only)
    see(ctx, request, '/choose')
  }

  async function showChoice(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    pages.show(ctx, 'choose', chooseModel(request, idpsFor(request.resource), formOf(request, '/choose')))
  }

  async function choose(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    const form = await postedForm(ctx, request)
    const idp = idpsFor(request.resource).find(({ id }) => id === form.get('idp'))
    if (!idp) return cancel(ctx, request, form)
    await begin(ctx, request, idp)
  }

  /** Runs the adapter's first step. May be loaded again: it spends nothing. */
  async function signIn(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    const idp = idpsFor(request.resource).find(({ id }) => id === ctx.query.idp)
    if (!idp || typeof ctx.query.state !== 'string') throw new Failure('bad_request', 'idp or state is missing')
    const { uid, login } = await attempts.peek(ctx, idp.id, ctx.query.state)
    if (uid !== request.uid) throw new Failure('wrong_browser', 'the login attempt belongs to another interaction')
    const step = await idp.adapter.start(login).catch((cause: unknown) => {
      throw new Failure(refusalCode(cause), `the sign-in at ${idp.id} could not be started`, { cause })
    })
    if (step.kind === 'form') return pages.show(ctx, 'form', formModel(step, login.redirectUri, login.state))
    ctx.status = 303
    ctx.redirect(step.url.href)
  }

  async function begin(ctx: Context, request: PendingAuthorization, idp: OpenIdp): Promise<void> {
    const state = await attempts.mint(ctx, request.uid, idp.id, request.hints)
    see(ctx, request, `/sign-in?${new URLSearchParams({ idp: idp.id, state })}`)
  }

  async function cancel(ctx: Context, request: PendingAuthorization, form: URLSearchParams): Promise<void> {
    if (form.get('decision') !== 'cancel') throw new Failure('bad_request', 'the form holds no known decision')
    const target = await port.deny(request.uid, 'access_denied', 'the user declined')
    if (!target) throw new Failure('flow_expired', 'the interaction is over')
    leaveWithError(ctx, target, 'cancelled')
  }

  function pending(ctx: Context): Promise<PendingAuthorization> {
    const uid = String(ctx.params.uid)
    parts.browser.check(ctx, uid)
    return port.pending(ctx.req, ctx.res, uid)
  }

  async function approved(ctx: Context): Promise<PendingAuthorization> {
    const request = await pending(ctx)
    if (!request.approved) throw new Failure('flow_expired', 'the client was not approved yet')
    return request
  }

  async function postedForm(ctx: Context, request: PendingAuthorization): Promise<URLSearchParams> {
    const form = parseForm(await readBody(ctx, { limit: FORM_LIMIT }))
    forms.check(ctx, request.uid, form.get('csrf'))
    return form
  }

  function idpsFor(resource: ResourceConfig): OpenIdp[] {
    return [...parts.idps.values()].filter(({ id }) => resource.idps?.includes(id) ?? true)
  }

  function formOf(request: PendingAuthorization, path: string) {
    return { action: `${base}/interaction/${request.uid}${path}`, csrf: forms.token(request.uid) }
  }

  /** 303, so that loading the next page again never posts a form again. */
  function see(ctx: Context, request: PendingAuthorization, path: string): void {
    ctx.status = 303
    ctx.redirect(`${base}/interaction/${request.uid}${path}`)
  }
}
