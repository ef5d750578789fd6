/**
 * The logout page. There is no sign-in of ours that could end (docs/decisions/0009), so it ends what there is: what this
 * browser was given to remember, and, where the user asks for it and the IdP can, the session there.
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import type { Context } from 'koa'
import { Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import { withinDeadline } from '../idp/deadline.ts'
import type { OpenIdp } from '../idp/registry.ts'
import type { Audit } from '../observe/audit.ts'
import type { Pages } from '../pages/index.ts'
import { type BackchannelParts, backchannelLogout } from './backchannel.ts'
import type { FormGuard } from './form-guard.ts'

export interface LogoutParts {
  readonly issuer: URL
  readonly base: string
  readonly idps: ReadonlyMap<string, OpenIdp>
  readonly forms: FormGuard
  readonly pages: Pages
  readonly audit: Audit
  readonly log: { warn(fields: object, message: string): void }
  readonly backchannel: BackchannelParts
}

const FORM_LIMIT = 16 * 1024
const LIFETIME = 10 * 60 * 1000

/** What the last page of a logout has to say, in a cookie, since its address is fixed. */
const [HERE, AT_IDP, FAILED] = ['here', 'idp', 'failed'] as const

/** The address to register at an IdP as post-logout redirect URI. @param base the issuer's path, without a last slash */
export function loggedOutUrl(issuer: URL, base: string): URL {
  return new URL(`${issuer.origin}${base}/logout/done`)
}

export function logoutRoutes(parts: LogoutParts): Router {
  const { issuer, base, idps, forms, pages } = parts
  const secure = issuer.protocol === 'https:'
  const prefix = secure ? '__Host-' : ''
  const [guard, left] = [`${prefix}consulate_logout`, `${prefix}consulate_left`]
  const cookie = { httpOnly: true, secure, sameSite: 'lax', path: '/', overwrite: true, signed: false } as const
  const offered = [...idps.values()].filter(({ adapter }) => adapter.endSession)

  return new Router()
    .get('/logout', show)
    .post('/logout', leave)
    .get('/logout/done', done)
    .post('/backchannel-logout/:idp', (ctx) => backchannelLogout(ctx, parts.backchannel))

  function show(ctx: Context): void {
    const nonce = randomBytes(16).toString('base64url')
    ctx.cookies.set(guard, nonce, { ...cookie, maxAge: LIFETIME })
    pages.show(ctx, 'logout', {
      action: `${base}/logout`,
      csrf: forms.token(`logout ${nonce}`),
      idps: offered.map(({ id, name, adapter }) => ({ id, name, disconnects: adapter.loggedOut !== undefined })),
    })
  }

  async function leave(ctx: Context): Promise<void> {
    const form = parseForm(await readBody(ctx, { limit: FORM_LIMIT }))
    const nonce = ctx.cookies.get(guard, { signed: false })
    forms.check(ctx, `logout ${nonce}`, form.get('csrf'))
    const wanted = form.get('idp') ?? ''
    const idp = offered.find(({ id }) => id === wanted)
    if (wanted !== '' && !idp) throw new Failure('bad_request', 'no IdP of this id can end a session')
    forgetCookies(ctx)
    const target = idp && (await endSession(idp))
    const state = target ? AT_IDP : idp ? FAILED : HERE
    ctx.cookies.set(left, `${state}.${idp?.id ?? ''}`, { ...cookie, maxAge: LIFETIME })
    if (target) parts.audit('logout.browser', { idp: idp?.id, reference: ctx.state.reference })
    ctx.status = 303
    ctx.redirect(target?.href ?? `${base}/logout/done`)
  }

  /** The address is no proof of anything, so what it says depends on what this browser did before. */
  function done(ctx: Context): void {
    const [state, id] = ctx.cookies.get(left, { signed: false })?.split('.') ?? []
    if (state !== HERE && state !== AT_IDP && state !== FAILED) {
      ctx.status = 303
      ctx.redirect(`${base}/logout`)
      return
    }
    const idp = offered.find((each) => each.id === id)
    pages.show(ctx, 'loggedOut', { ...(idp ? { idpName: idp.name } : undefined), failed: state === FAILED })
  }

  async function endSession({ id, adapter }: OpenIdp): Promise<URL | undefined> {
    try {
      const url = await withinDeadline(async () => adapter.endSession?.(loggedOutUrl(issuer, base)))
      if (url === undefined || url.protocol === 'https:' || url.protocol === 'http:') return url
      throw new Error('the address of the end-session endpoint is neither https nor http')
    } catch (err) {
      parts.log.warn({ idp: id, err }, 'the session at the IdP could not be ended')
      return undefined
    }
  }

  /** All that this server gave the browser: the last choice of an IdP, and sign-ins that are on their way. */
  function forgetCookies(ctx: Context): void {
    for (const [name = ''] of ctx.get('Cookie').matchAll(/(?<=^|;\s*)(?:__Host-)?consulate_[\w-]+(?==)/g)) {
      ctx.cookies.set(name, null, cookie)
    }
  }
}
