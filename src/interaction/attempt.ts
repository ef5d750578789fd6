/**
 * Login attempts: the record between "the user approved" and "the IdP sent the browser back". An attempt is minted only
 * after approval, bound to the browser by a cookie, to one IdP and one interaction, and taken exactly once
 * (the MCP security best practices, "Confused Deputy Problem").
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import type { Hints, Login } from '../adapter.ts'
import { Failure } from '../errors.ts'
import type { Store } from '../store.ts'
import { callbackUrl } from '../url.ts'

const KIND = 'LoginAttempt'
/** One for each interaction whose one challenge was followed. It outlives the interaction. */
const CHALLENGED = 'LoginChallenge'
const LIFETIME = 10 * 60 * 1000

export interface Attempt {
  readonly uid: string
  readonly idp: string
  readonly login: Login
  /** The account whose pending challenge this carries. */
  readonly demandedOf?: string
}

export interface Attempts {
  /** Mints an attempt and binds it to this browser. Answers its state. */
  mint(ctx: Context, uid: string, idp: string, hints: Hints): Promise<string>
  /** Mints one more attempt for the same interaction, which carries what the IdP demands of it. Answers its state, or
   * nothing when the interaction had its one already: an IdP must not send people round and round. */
  again(ctx: Context, attempt: Attempt, demanded: Hints, demandedOf?: string): Promise<string | undefined>
  /** The attempt of this browser, still to be taken. @throws {Failure} */
  peek(ctx: Context, idp: string, state: string): Promise<Attempt>
  /** The attempt of this browser, and of nobody after it. @throws {Failure} */
  take(ctx: Context, idp: string, state: string): Promise<Attempt>
}

interface Saved {
  readonly uid: string
  readonly idp: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly hints: Hints
  readonly demandedOf?: string
  /** SHA-256 of the cookie's value. */
  readonly browser: string
}

/** Where an attempt begins. @param base the path of the issuer, without a trailing slash */
export function signInPath(base: string, uid: string, idp: string, state: string): string {
  return `${base}/interaction/${uid}/sign-in?${new URLSearchParams({ idp, state })}`
}

export function openAttempts(store: Store, issuer: URL, now: () => number): Attempts {
  // The prefix needs https; a browser then refuses the cookie from any other host or path.
  const secure = issuer.protocol === 'https:'
  const cookieName = (state: string) => `${secure ? '__Host-' : ''}consulate_login_${digest(state).slice(0, 12)}`
  const cookie = { httpOnly: true, secure, sameSite: 'lax', path: '/', overwrite: true, signed: false } as const

  async function peek(ctx: Context, idp: string, state: string): Promise<Attempt> {
    const record = await store.get(KIND, state)
    if (!record) throw new Failure('flow_expired', 'no login attempt has this state')
    const saved: Saved = JSON.parse(record.payload)
    if (saved.idp !== idp) throw new Failure('idp_invalid', 'the state belongs to another IdP')
    const presented = ctx.cookies.get(cookieName(state), { signed: false }) ?? ''
    if (!timingSafeEqual(Buffer.from(digest(presented)), Buffer.from(saved.browser))) {
      throw new Failure('wrong_browser', 'the login cookie is missing or belongs to another attempt')
    }
    const { nonce, codeVerifier, hints, demandedOf } = saved
    const login = {
      redirectUri: callbackUrl(issuer, idp),
      state,
      nonce,
      codeVerifier,
      codeChallenge: digest(codeVerifier),
      hints,
    }
    return { uid: saved.uid, idp, login, ...(demandedOf === undefined ? undefined : { demandedOf }) }
  }

  async function mint(
    ctx: Context,
    { uid, idp, hints, demandedOf }: Pick<Saved, 'uid' | 'idp' | 'hints' | 'demandedOf'>,
  ): Promise<string> {
    const state = random()
    const browser = random()
    const secrets = { nonce: random(), codeVerifier: random(), browser: digest(browser) }
    const saved: Saved = { uid, idp, hints, ...(demandedOf === undefined ? undefined : { demandedOf }), ...secrets }
    const record = { kind: KIND, id: state, payload: JSON.stringify(saved), expiresAt: now() + LIFETIME }
    await store.put(record, 'insert')
    ctx.cookies.set(cookieName(state), browser, { ...cookie, maxAge: LIFETIME })
    return state
  }

  return {
    peek,
    mint: (ctx, uid, idp, hints) => mint(ctx, { uid, idp, hints }),
    async again(ctx, { uid, idp, login }, demanded, demandedOf) {
      const mark = { kind: CHALLENGED, id: uid, payload: '{}', expiresAt: now() + LIFETIME }
      if (!(await store.put(mark, 'insert'))) return undefined
      const hints = { ...login.hints, ...demanded }
      return mint(ctx, { uid, idp, hints, ...(demandedOf === undefined ? undefined : { demandedOf }) })
    },
    async take(ctx, idp, state) {
      const attempt = await peek(ctx, idp, state)
      ctx.cookies.set(cookieName(state), null, cookie)
      if (!(await store.take(KIND, state))) throw new Failure('flow_expired', 'the login attempt was used before')
      return attempt
    },
  }
}

function random(): string {
  return randomBytes(32).toString('base64url')
}

/** SHA-256 in base64url; of a code verifier it is the S256 challenge (RFC 7636 section 4.2). */
function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url')
}
