/**
 * What the browser sees between `/authorize` and the code. The order is the security: our consent page first, then a
 * login attempt bound to this browser, then the IdP, then its one fixed callback.
 *
 * It owns these pages and the login attempts. The OAuth request behind them belongs to `provider/` and is reached only
 * through the port; what the IdP says is proven by its adapter.
 */
import Router from '@koa/router'
import type { Context } from 'koa'
import { Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import { withinDeadline } from '../idp/deadline.ts'
import type { OpenIdp } from '../idp/registry.ts'
import type { ChooseModel } from '../pages/models.ts'
import { signInPath } from './attempt.ts'
import { leaveWithError } from './back.ts'
import { finishLogin } from './callback.ts'
import { domainOf, idpOfAddress } from './home-realm.ts'
import { chooseModel, consentModel, formModel } from './models.ts'
import type { InteractionParts } from './parts.ts'
import type { PendingAuthorization } from './port.ts'
import { refusalFailure } from './refusal.ts'

const FORM_LIMIT = 16 * 1024
/** Characters of a wrong address that are shown again. */
const MAX_SHOWN = 254
const NO_ADDRESS = 'This is not an e-mail address. Write all of it, like name@example.com.'
const UNKNOWN_DOMAIN =
  'The part after the @ belongs to none of the sign-ins below. Check the spelling, or choose one from the list.'

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
    pages.show(ctx, 'consent', consentModel(request, destination(request), form))
  }

  async function decide(ctx: Context): Promise<void> {
    const request = await pending(ctx)
    const form = await postedForm(ctx, request)
    if (form.get('decision') !== 'approve') return cancel(ctx, request, form)
    await port.approve(request.uid)
    const idp = destination(request)
    if (idp) return begin(ctx, request, idp)
    see(ctx, `${base}/interaction/${request.uid}/choose`)
  }

  async function showChoice(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    showChooser(ctx, request, { value: request.hints.loginHint ?? '' })
  }

  function showChooser(ctx: Context, request: PendingAuthorization, email: ChooseModel['email'], status = 200): void {
    const idps = idpsFor(request).map((idp) => ({ ...idp, logo: parts.logos.url(idp.id) }))
    const facts = { idps, lastUsed: parts.lastIdp.of(ctx), email }
    pages.show(ctx, 'choose', chooseModel(request, facts, formOf(request, '/choose')), status)
  }

  async function choose(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    const form = await postedForm(ctx, request)
    const address = form.get('email')?.trim() ?? ''
    if (form.get('decision') === 'address') {
      const home = idpOfAddress(address, idpsFor(request))
      if (home) return begin(ctx, request, home, address)
      const problem = domainOf(address) === undefined ? NO_ADDRESS : UNKNOWN_DOMAIN
      return showChooser(ctx, request, { value: address.slice(0, MAX_SHOWN), problem }, 400)
    }
    const idp = idpsFor(request).find(({ id }) => id === form.get('idp'))
    if (!idp) return cancel(ctx, request, form)
    await begin(ctx, request, idp, domainOf(address) && address)
  }

  /** Runs the adapter's first step. May be loaded again: it spends nothing. */
  async function signIn(ctx: Context): Promise<void> {
    const request = await approved(ctx)
    const idp = idpsFor(request).find(({ id }) => id === ctx.query.idp)
    if (!idp || typeof ctx.query.state !== 'string') throw new Failure('bad_request', 'idp or state is missing')
    const { uid, login } = await attempts.peek(ctx, idp.id, ctx.query.state)
    if (uid !== request.uid) throw new Failure('wrong_browser', 'the login attempt belongs to another interaction')
    const step = await withinDeadline(() => idp.adapter.start(login)).catch((cause: unknown) => {
      throw refusalFailure(cause, `the sign-in at ${idp.id} could not be started`)
    })
    if (step.kind === 'form') return pages.show(ctx, 'form', formModel(step, login.redirectUri, login.state))
    ctx.status = 303
    ctx.redirect(step.url.href)
  }

  /** @param address what the user typed, in place of what the client said */
  async function begin(ctx: Context, request: PendingAuthorization, idp: OpenIdp, address?: string): Promise<void> {
    const { loginHint = '', ...others } = request.hints
    const hint = address || loginHint
    // An address is not for the eyes of an IdP that has nothing to do with it, nor is what may be one of another.
    const home = idpOfAddress(hint, parts.idps.values())
    const isClear = parts.idps.size === 1 || !hint.includes('@') || domainOf(hint) !== undefined
    const fits = hint !== '' && isClear && (home === undefined || home.id === idp.id)
    const state = await attempts.mint(ctx, request.uid, idp.id, { ...others, ...(fits ? { loginHint: hint } : {}) })
    see(ctx, signInPath(base, request.uid, idp.id, state))
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

  function idpsFor({ resource }: PendingAuthorization): OpenIdp[] {
    return [...parts.idps.values()].filter(({ id }) => resource.idps?.includes(id) ?? true)
  }

  /** Where Approve leads when there is nothing to choose: to the only IdP, or to that of the client's hint. Not by the hint
   * for whoever comes back to approve again: the client may be wrong about who sits there. */
  function destination(request: PendingAuthorization): OpenIdp | undefined {
    const allowed = idpsFor(request)
    if (allowed.length === 1) return allowed[0]
    return request.approved ? undefined : idpOfAddress(request.hints.loginHint, allowed)
  }

  function formOf(request: PendingAuthorization, path: string) {
    return { action: `${base}/interaction/${request.uid}${path}`, csrf: forms.token(request.uid) }
  }

  /** 303, so that loading the next page again never posts a form again. */
  function see(ctx: Context, path: string): void {
    ctx.status = 303
    ctx.redirect(path)
  }
}
