/**
 * The callback of an IdP: takes the login attempt of this browser, lets the adapter prove who came back, and hands the
 * account to the engine. An administrator who consented for everybody comes back here too, and is no sign-in.
 */
import type { Context } from 'koa'
import type { Hints, Identity, LoginRefused } from '../adapter.ts'
import { Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import { challengeOf } from '../idp/challenges.ts'
import { withinDeadline } from '../idp/deadline.ts'
import { provenIdentity } from '../idp/identity.ts'
import { refusalOf } from '../idp/refusals.ts'
import { plainText } from '../pages/text.ts'
import { type Attempt, signInPath } from './attempt.ts'
import { wayBack } from './back.ts'
import type { InteractionParts } from './parts.ts'
import { outcomeOf, refusalFailure } from './refusal.ts'

const FORM_LIMIT = 64 * 1024

export async function finishLogin(ctx: Context, parts: InteractionParts): Promise<void> {
  const idp = parts.idps.get(String(ctx.params.idp))
  if (!idp) throw new Failure('not_found', 'no IdP has this callback')
  if (ctx.method !== 'GET' && ctx.method !== 'POST') throw new Failure('bad_request', 'a callback is a GET or a POST')

  if (ctx.method === 'GET') {
    const parameters = new URLSearchParams(ctx.querystring)
    if (isAdminConsent(parameters)) {
      parts.pages.show(ctx, 'adminConsent', { idpName: idp.name })
      return
    }
    refuseUnasked(idp.id, parameters)
  }

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
    const identity = provenIdentity(await withinDeadline(() => idp.adapter.finish(attempt.login, callback)))
    if (await followPending(ctx, parts, attempt, identity)) return
    const next = await parts.port.grant(attempt.uid, idp.id, identity)
    if (parts.idps.size > 1) parts.lastIdp.remember(ctx, idp.id)
    ctx.status = 303
    ctx.redirect(next.href)
  } catch (error) {
    const refused = refusalOf(error)
    if (!refused) throw error
    await giveUpPending(parts, attempt, refused)
    const { followed, fault } = await followChallenge(ctx, parts, attempt, refused)
    if (followed) return
    const { denial, description } = outcomeOf(refused)
    const target = await parts.port.deny(attempt.uid, denial, description)
    const message = `the sign-in at ${idp.id} failed${fault ? `, and its challenge ${fault}` : ''}`
    throw refusalFailure(refused, message, target && wayBack(target))
  }
}

/** Sends the browser to the IdP once more when that is what the refusal asks for. Answers why it did not. */
async function followChallenge(
  ctx: Context,
  parts: InteractionParts,
  attempt: Attempt,
  refused: LoginRefused,
): Promise<{ readonly followed: boolean; readonly fault?: string }> {
  const { claims, ...why } = challengeOf(refused)
  if (claims === undefined) return { followed: false, ...why }
  const followed = await goAgain(ctx, parts, attempt, { claims })
  return { followed, ...(followed ? undefined : { fault: 'is the second one of this interaction' }) }
}

/** The same for what a re-check met since the last sign-in: known as soon as it is known who this is. A sign-in without it
 * would end at the next re-check. Where an interaction had its one challenge, that is how it is. */
async function followPending(
  ctx: Context,
  parts: InteractionParts,
  attempt: Attempt,
  { subject, claims: { username } }: Identity,
): Promise<boolean> {
  const account = parts.accountId(attempt.idp, subject)
  const claims = await parts.challenges.pending(account)
  if (claims === undefined) return false
  if (claims !== attempt.login.hints.claims) {
    const hints = { claims, ...(username === undefined ? undefined : { loginHint: username }) }
    return goAgain(ctx, parts, attempt, hints, account)
  }
  await parts.challenges.met(account)
  return false
}

/** Whoever was sent there was known by then, and nobody else's challenge is touched. */
async function giveUpPending(
  { challenges }: InteractionParts,
  { demandedOf, login }: Attempt,
  refused: LoginRefused,
): Promise<void> {
  const { claims } = login.hints
  if (demandedOf !== undefined && claims !== undefined) await challenges.refused(demandedOf, claims, refused)
}

async function goAgain(
  ctx: Context,
  { attempts, base }: InteractionParts,
  attempt: Attempt,
  demanded: Hints,
  demandedOf?: string,
): Promise<boolean> {
  const state = await attempts.again(ctx, attempt, demanded, demandedOf)
  if (state === undefined) return false
  ctx.status = 303
  ctx.redirect(signInPath(base, attempt.uid, attempt.idp, state))
  return true
}

/** Entra sends an administrator to the one redirect URI, without a state because no sign-in began, and says whether they
 * accepted ("Admin consent on the Microsoft identity platform"). The page says so, and nothing is done or believed. */
function isAdminConsent(parameters: URLSearchParams): boolean {
  const [accepted, ...more] = parameters.getAll('admin_consent')
  const others = ['state', 'code', 'error'].some((name) => parameters.has(name))
  return accepted?.toLowerCase() === 'true' && more.length === 0 && !others
}

/** The same administrator who declined, or whom Entra refused: an error of no sign-in. @throws {Failure} */
function refuseUnasked(idp: string, parameters: URLSearchParams): void {
  const error = parameters.get('error')
  if (!error || parameters.has('state')) return
  const said = plainText([error, parameters.get('error_description') ?? ''].join(': '), 'nothing', 300)
  throw new Failure('idp_denied', `${idp} sent somebody back whom no sign-in had sent there: ${said}`, {
    words: UNASKED,
  })
}

const UNASKED = {
  title: 'Nothing was agreed to',
  words: 'Your identity provider sent you back with an error. No consent was given, and no sign-in was under way.',
  remedy:
    'If you are the administrator who was asked to consent, open the link again and accept. Give the people who run this server the reference below if that does not work.',
}

function stateOf(parameters: URLSearchParams): string {
  const [state, ...more] = parameters.getAll('state')
  if (!state || more.length > 0) throw new Failure('bad_request', 'a callback needs exactly one state')
  return state
}
