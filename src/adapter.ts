/**
 * The contract between Consulate and an identity provider (IdP). This file is public as `consulate/adapter`.
 *
 * It owns the shapes an adapter sees and returns. The host mints state, nonce and PKCE, binds the login to the browser
 * and consumes it once; `consulate/code-flow` sends and checks them. An adapter never sees the store, the MCP client or
 * a token of ours.
 */
import type { z } from 'zod'

/** The version of this contract. The registry refuses an adapter made for another one. */
export const CONTRACT = 1

/** One sign-in at one IdP: minted, stored, bound to the browser and consumed once, all by the host. */
export interface Login {
  /** The one redirect URI of this IdP, `/callback/<idp id>` below the issuer. Register it at the IdP once. */
  readonly redirectUri: URL
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  /** S256 of `codeVerifier` (RFC 7636 section 4.2). */
  readonly codeChallenge: string
  readonly hints: Hints
}

export interface Hints {
  readonly loginHint?: string
  readonly prompt?: 'login' | 'select_account'
  /** A claims challenge to pass on to the IdP, as JSON text (OpenID Connect Core section 5.5). */
  readonly claims?: string
}

/** What the browser does next: go to the IdP, or fill in a form that is posted to `redirectUri`. */
export type Step =
  | { readonly kind: 'redirect'; readonly url: URL }
  | { readonly kind: 'form'; readonly title: string; readonly notice?: string; readonly fields: readonly Field[] }

/** One field of a form step. A `choice` is one button per option; any other type is an input with a submit button. */
export type Field =
  | {
      readonly type: 'choice'
      readonly name: string
      readonly label: string
      readonly options: readonly { readonly value: string; readonly label: string; readonly description?: string }[]
    }
  | {
      readonly type: 'text' | 'email' | 'password'
      readonly name: string
      readonly label: string
      readonly autocomplete?: string
    }

export interface Claims {
  readonly name?: string
  readonly email?: string
  readonly emailVerified?: boolean
  readonly username?: string
  readonly groups?: readonly string[]
}

/** Who signed in. */
export interface Identity {
  /** Stable, never reassigned, unique within this IdP. Never an e-mail address or a user name. */
  readonly subject: string
  readonly claims: Claims
  /** What `refresh` needs to ask the IdP again, for instance a refresh token. Sealed at rest, never given out. */
  readonly secret?: string
  /** The session at the IdP, the `sid` by which a back-channel logout names it. */
  readonly session?: string
}

/** What a back-channel logout ends (OpenID Connect Back-Channel Logout 1.0): a user, one of their sessions, or both. */
export interface LogoutNotice {
  readonly subject?: string
  readonly session?: string
  /** Never seen before and never again (`jti`). */
  readonly id: string
}

/** One thing that `consulate doctor` looked at. */
export interface Finding {
  readonly step: string
  readonly state: 'good' | 'warning' | 'bad' | 'skipped'
  /** What was found, without anything secret. */
  readonly detail: string
  /** What the operator should do; for `warning` and `bad`. */
  readonly remedy?: string
}

export interface UpstreamToken {
  readonly accessToken: string
  /** Lifetime in seconds. */
  readonly expiresIn: number
}

export interface IdpAdapter {
  /** The first step of a sign-in. Has no side effects and may run twice for one login. */
  start(login: Login): Promise<Step>
  /** Verifies what came back and names the user. `callback` is the browser's request to `redirectUri`.
   * @throws {LoginRefused} for anything but a proven identity. */
  finish(login: Login, callback: Request): Promise<Identity>
  /** Re-checks a user when one of our refresh tokens is used, and answers who they are now.
   * @throws {LoginRefused} `denied` or `not_allowed` when access has ended; anything else leaves it open. */
  refresh?(identity: Identity): Promise<Identity>
  /** A token for an upstream API, for token exchange by policy only (RFC 8693). */
  exchange?(identity: Identity, target: { resource: string; scopes: readonly string[] }): Promise<UpstreamToken>
  /** Where a browser ends its session at the IdP, to come back to `returnTo` (OpenID Connect RP-Initiated Logout 1.0).
   * Undefined when the IdP has no such place. */
  endSession?(returnTo: URL): Promise<URL | undefined>
  /** Verifies a logout token that the IdP posted to us (OpenID Connect Back-Channel Logout 1.0 section 2.6).
   * @throws {LoginRefused} `invalid` */
  loggedOut?(token: string): Promise<LogoutNotice>
  /** Looks at what usually goes wrong between us and the IdP, for `consulate doctor`. Never throws. */
  diagnose?(): AsyncIterable<Finding>
}

export interface AdapterType<Options extends z.ZodType = z.ZodType> {
  readonly contract?: typeof CONTRACT
  /** The name used as `type` of an IdP in the configuration. */
  readonly type: string
  /** True for an adapter that must never run outside development. */
  readonly developmentOnly?: boolean
  /** What the configuration entry may hold beside `id`, `type` and `name`. Use `z.strictObject`. */
  readonly options: Options
  /** Makes the adapter. Synchronous and without I/O, so that a dead IdP never stops the issuer from starting. */
  open(options: z.output<Options>, host: Host): IdpAdapter
}

/** Everything an adapter is given. */
export interface Host {
  /** The id of the IdP in the configuration. */
  readonly id: string
  /** The redirect URI of this IdP, as in every {@link Login}, for what tells an operator to register it. */
  readonly redirectUri: URL
  /** `fetch` with a time limit, a size limit and no redirects. An IdP that does not answer here is left alone for a while. */
  readonly fetch: Fetch
  readonly now: () => Date
  /** The text of a file that the configuration names, for instance a token that a platform renews.
   * @throws {Error} when it cannot be read */
  readonly readFile: (path: string) => Promise<string>
  /** Tells the operator of something that will need doing. The same `code` is told once an hour at most. */
  readonly warn: (code: string, message: string) => void
}

export type Fetch = (input: string | URL, init?: FetchInit) => Promise<Response>

export interface FetchInit {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | URLSearchParams | Uint8Array | undefined
  readonly signal?: AbortSignal
}

/**
 * Why a sign-in ended without an identity: `denied` by the user or by the IdP, `not_allowed` for this user,
 * `unavailable` when the IdP cannot answer, `invalid` when the answer cannot be trusted.
 */
export type Refusal = 'denied' | 'not_allowed' | 'unavailable' | 'invalid'

/** Words for the user in place of the general ones of a {@link Refusal}: complete sentences, nothing secret. */
export interface Advice {
  readonly title: string
  /** What happened. */
  readonly words: string
  /** Who must do what now. */
  readonly remedy: string
  /** An address to pass on to whoever must act, for instance for the consent of an administrator. Must be https. */
  readonly link?: { readonly url: string; readonly label: string }
}

export interface RefusedOptions extends ErrorOptions {
  readonly advice?: Advice
  /** What the IdP demands of a new sign-in, as JSON text. The host starts one with it as {@link Hints} `claims`, once; from
   * `refresh`, when the user next signs in. */
  readonly challenge?: string
  /** From `refresh`: what the IdP takes next time, when it renewed the {@link Identity} `secret` and something failed
   * after that. The old one may be spent. */
  readonly secret?: string
}

/** The one error an adapter throws. `message` is for the operator's log; users see words chosen by `reason`. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly reason: Refusal
  readonly advice?: Advice
  readonly challenge?: string
  /** Where no logger looks. */
  readonly #secret: string | undefined

  constructor(reason: Refusal, message: string, { advice, challenge, secret, ...options }: RefusedOptions = {}) {
    super(message, options)
    this.reason = reason
    if (advice) this.advice = advice
    if (challenge !== undefined) this.challenge = challenge
    this.#secret = secret
  }

  get secret(): string | undefined {
    return this.#secret
  }
}

/** Whether an error is a {@link LoginRefused}, also one of another copy of this package. */
export function isLoginRefused(error: unknown): error is LoginRefused {
  return error instanceof Error && error.name === 'LoginRefused' && 'reason' in error
}

/** Declares an adapter type and stamps the contract version on it. */
export function defineAdapter<Options extends z.ZodType>(type: AdapterType<Options>): AdapterType<Options> {
  return { ...type, contract: CONTRACT }
}
