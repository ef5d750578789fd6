/**
 * `POST /backchannel-logout/<idp>`: the IdP tells us that a user's session has ended (OpenID Connect Back-Channel
 * Logout 1.0). The adapter verifies the token; here it is good once, and what it ends is ended before it is answered.
 */
import type { Context } from 'koa'
import { LoginRefused, type LogoutNotice } from '../adapter.ts'
import { Failure } from '../errors.ts'
import { parseForm, readBody } from '../http/body.ts'
import { withinDeadline } from '../idp/deadline.ts'
import { reasonOf, refusalOf } from '../idp/refusals.ts'
import type { OpenIdp } from '../idp/registry.ts'
import type { Audit } from '../observe/audit.ts'
import type { Store } from '../store.ts'

export interface BackchannelParts {
  readonly idps: ReadonlyMap<string, OpenIdp>
  readonly store: Pick<Store, 'put' | 'get' | 'consume'>
  /** Ends what the notice names. Answers how many grants there were, and how many records could not be read. */
  readonly end: (idp: string, notice: LogoutNotice) => Promise<{ readonly grants: number; readonly passedOver: number }>
  readonly audit: Audit
  readonly log: { warn(fields: object, message: string): void }
  readonly now: () => number
}

const KIND = 'LogoutToken'
const FORM_LIMIT = 64 * 1024
const MAX_ID = 512
/** Milliseconds that the `jti` of a token is remembered. An IdP makes them for minutes (section 2.4). */
const REMEMBERED = 24 * 60 * 60 * 1000

export async function backchannelLogout(ctx: Context, parts: BackchannelParts): Promise<void> {
  const idp = parts.idps.get(String(ctx.params.idp))
  const verify = idp?.adapter.loggedOut?.bind(idp.adapter)
  if (!idp || !verify) throw new Failure('not_found', 'no IdP tells of logouts here')
  // Section 2.8: neither answer may be kept.
  ctx.set('Cache-Control', 'no-store')
  try {
    const token = await tokenOf(ctx)
    const notice = await noticeOf(() => verify(token))
    const key = JSON.stringify([idp.id, notice.id])
    await once(parts, key)
    const { grants, passedOver } = await parts.end(idp.id, notice)
    if (passedOver === 0) await parts.store.consume(KIND, key)
    parts.audit('logout.backchannel', {
      idp: idp.id,
      grants,
      ...(passedOver === 0 ? undefined : { passed_over: passedOver }),
      reason: notice.session === undefined ? 'user' : 'session',
    })
    if (passedOver > 0) {
      // Section 2.8: a logout that failed. The same token may be sent again when the records are whole.
      ctx.status = 400
      ctx.body = { error: 'server_error', error_description: 'not all that the token names could be ended' }
      return
    }
    ctx.status = 200
    ctx.body = ''
  } catch (error) {
    const refused = refusalOf(error)
    if (!refused) throw error
    const reason = reasonOf(refused)
    parts.audit('logout.refused', { idp: idp.id, reason, reference: ctx.state.reference })
    parts.log.warn({ idp: idp.id, reference: ctx.state.reference, err: error }, 'a logout token was refused')
    // Section 2.8: 400 for an invalid token, and for a logout that failed.
    ctx.status = 400
    ctx.body =
      reason === 'unavailable'
        ? { error: 'temporarily_unavailable', error_description: 'the logout token cannot be checked now' }
        : { error: 'invalid_request', error_description: 'the logout token cannot be accepted' }
  }
}

/** One conditional insert. A token whose first try did not come to its end may be sent again. */
async function once({ store, now }: BackchannelParts, key: string): Promise<void> {
  const record = { kind: KIND, id: key, payload: '', expiresAt: now() + REMEMBERED }
  if (await store.put(record, 'insert')) return
  const before = await store.get(KIND, key)
  if (before?.consumedAt !== undefined) throw new LoginRefused('invalid', 'the logout token was used before (jti)')
}

async function tokenOf(ctx: Context): Promise<string> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new LoginRefused('invalid', 'the request is not a form')
  const [token, ...more] = parseForm(await readBody(ctx, { limit: FORM_LIMIT })).getAll('logout_token')
  if (!token || more.length > 0) throw new LoginRefused('invalid', 'the form needs exactly one logout_token')
  return token
}

/** What the adapter makes of a token. A defect of it is no word of the IdP, and nobody is logged out by it. */
async function noticeOf(verify: () => Promise<LogoutNotice>): Promise<LogoutNotice> {
  try {
    return checked(await withinDeadline(verify))
  } catch (error) {
    throw refusalOf(error) ?? new LoginRefused('invalid', 'the adapter broke on the logout token', { cause: error })
  }
}

/** Adapters hand on what an IdP sent: a notice of nobody must not end nothing and count as done. A copy, so that what was
 * looked at is what counts. */
function checked({ id, subject, session }: LogoutNotice): LogoutNotice {
  const named = [subject, session].filter((each) => each !== undefined)
  if (named.length === 0) throw new LoginRefused('invalid', 'the logout token names no user and no session')
  for (const text of [id, ...named]) {
    if (typeof text === 'string' && text !== '' && text.length <= MAX_ID) continue
    throw new LoginRefused('invalid', 'the logout token has an id, a subject or a session that cannot be')
  }
  return {
    id,
    ...(subject === undefined ? undefined : { subject }),
    ...(session === undefined ? undefined : { session }),
  }
}
