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
  /** Re-checks a user when one of our refresh tokens is used.
   * @throws {LoginRefused} when access has ended. */
  refresh?(identity: Identity): Promise<Identity>
  /** A token for an upstream API, for token exchange by policy only (RFC 8693). */
  exchange?(identity: Identity, target: { resource: string; scopes: readonly string[] }): Promise<UpstreamToken>
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
  /** `fetch` with a time limit, a size limit and no redirects. */
  readonly fetch: Fetch
  readonly now: () => Date
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

/** The one error an adapter throws. `message` is for the operator's log; users see words chosen by `reason`. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly reason: Refusal

  constructor(reason: Refusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
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
