/**
 * What `interaction/` needs of the OAuth engine, and all it knows of it. `provider/authorization.ts` implements it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hints, Identity } from '../adapter.ts'
import type { ResourceConfig } from '../config/schema.ts'

/** An authorization request that waits for its user. */
export interface PendingAuthorization {
  /** The interaction this browser holds the cookie of. */
  readonly uid: string
  readonly client: { readonly id: string; readonly name: string; readonly documentHost?: string }
  readonly redirectUri: string
  readonly resource: ResourceConfig
  readonly scopes: readonly string[]
  readonly hints: Hints
  /** The user approved the client in this interaction. */
  readonly approved: boolean
}

/** The error codes of RFC 6749 section 4.1.2.1 that end an interaction. */
export type Denial = 'access_denied' | 'temporarily_unavailable' | 'server_error'

export interface AuthorizationPort {
  /** The request of this browser, by its cookie.
   * @throws {Failure} `flow_expired` when there is none, or not this one. */
  pending(req: IncomingMessage, res: ServerResponse, uid: string): Promise<PendingAuthorization>
  /** Records that the user approved the client for this request, and for nothing else. */
  approve(uid: string): Promise<void>
  /** Records who signed in, makes the grant of an approved request and answers where the browser goes next.
   * @throws {LoginRefused} `not_allowed` when the resource is not for users of this IdP, or not without their groups
   * @throws {Failure} `flow_expired` when the request is over or was not approved. */
  grant(uid: string, idp: string, identity: Identity): Promise<URL>
  /** Ends a request without a grant and answers the client's redirect URI with the error and `iss` (RFC 9207).
   * Answers nothing when the request is over already. */
  deny(uid: string, error: Denial, description: string): Promise<URL | undefined>
}
