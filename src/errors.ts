/**
 * Every failure a person can meet, in one table: what they read, what they can do, what a program reads in their place,
 * and what the operator should do. `pages/` renders an entry, `http/failures.ts` logs it under the same reference. The
 * errors of the OAuth endpoints themselves are the library's.
 */

export interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number
  /** What a program reads instead of the page (RFC 6749 sections 4.1.2.1 and 5.2). Never `invalid_grant`, which would
   * make a client throw its tokens away because of a fault that has nothing to do with them. */
  readonly oauth: 'access_denied' | 'invalid_client' | 'invalid_request' | 'server_error' | 'temporarily_unavailable'
  readonly title: string
  /** One or two plain sentences: what happened, seen by the user. */
  readonly words: string
  /** What the user can do now. */
  readonly remedy: string
  /** What the operator should look at; written to the log beside the cause. */
  readonly operator: string
}

export const ERRORS = {
  unknown_client: {
    status: 400,
    oauth: 'invalid_client',
    title: 'This application is not connected any more',
    words: 'The application that sent you here used a registration that this server does not know, or no longer knows.',
    remedy:
      'Go back to the application, remove this connection there and add it again. It will then register anew by itself.',
    operator:
      'The client was never registered, was dropped because it was unused, or was deleted. No action is needed.',
  },
  client_metadata: {
    status: 400,
    oauth: 'invalid_client',
    title: 'The application could not be identified',
    words: 'The application names itself by a web address, and the description found there could not be used.',
    remedy: 'Try again in a few minutes. If it stays this way, tell the maker of the application the reference below.',
    operator: 'Fetch the client_id URL from this host and compare it with the rule named in the cause.',
  },
  invalid_request: {
    status: 400,
    oauth: 'invalid_request',
    title: 'The application sent a request that cannot be used',
    words: 'Something in the link that brought you here is missing or wrong. Nothing was shared with the application.',
    remedy: 'Go back to the application and connect again. If it happens again, tell its maker the reference below.',
    operator: 'The client sent a malformed authorization request; the cause names the parameter.',
  },
  redirect_uri: {
    status: 400,
    oauth: 'invalid_request',
    title: 'The application asked to be answered at an address it did not register',
    words: 'To protect you, nothing is sent to an address that the application did not register beforehand.',
    remedy: 'Go back to the application, remove this connection there and add it again.',
    operator: 'The redirect_uri is not among those of the client. Loopback ports may vary; nothing else may.',
  },
  request_refused: {
    status: 400,
    oauth: 'invalid_request',
    title: 'The application asked for something it cannot have',
    words: 'The request was refused before anything was shared with the application.',
    remedy: 'You can close this page, or let the application know by going back to it.',
    operator: 'The authorization request was refused; the cause holds the OAuth error that the client would have got.',
  },
  cancelled: {
    status: 200,
    oauth: 'access_denied',
    title: 'You cancelled',
    words: 'Nothing was shared with the application.',
    remedy: 'You can close this page, or let the application know by going back to it.',
    operator: 'The user declined. No action is needed.',
  },
  flow_expired: {
    status: 400,
    oauth: 'invalid_request',
    title: 'This sign-in is no longer open',
    words: 'It was finished already, it took longer than ten minutes, or it was started in another browser.',
    remedy: 'Go back to the application and connect again, and stay in one browser from start to end.',
    operator: 'The interaction or its cookie is gone. Frequent cases point to cookies blocked or to clock skew.',
  },
  wrong_browser: {
    status: 403,
    oauth: 'access_denied',
    title: 'This sign-in was started in another browser',
    words: 'To protect you, a sign-in must end in the browser in which it was approved.',
    remedy:
      'If you did not start this yourself, close this page. Otherwise go back to the application and connect again.',
    operator: 'The callback came without the cookie set at approval: another browser, blocked cookies, or an attack.',
  },
  forged_form: {
    status: 403,
    oauth: 'access_denied',
    title: 'This form could not be accepted',
    words: 'The answer did not come from the page that this server showed you.',
    remedy: 'Go back to the application and connect again.',
    operator: 'The form token, Origin or Sec-Fetch-Site did not match: an attack, or a proxy that rewrites Origin.',
  },
  idp_denied: {
    status: 403,
    oauth: 'access_denied',
    title: 'You were not signed in',
    words: 'The sign-in was declined at your identity provider. Nothing was shared with the application.',
    remedy: 'Go back to the application and connect again if you want to sign in after all.',
    operator: 'The user or the IdP declined; the cause holds what the IdP said.',
  },
  idp_not_allowed: {
    status: 403,
    oauth: 'access_denied',
    title: 'Your account may not use this',
    words: 'You signed in, but your organisation does not let this account use this server.',
    remedy: 'Ask the people who run this server for access and give them the reference below.',
    operator: 'The adapter refused this user; the cause says by which rule.',
  },
  idp_unavailable: {
    // No 5xx, by which a load balancer would take every replica of ours for broken when one IdP is (RFC 4918 section 11.4).
    status: 424,
    oauth: 'temporarily_unavailable',
    title: 'Your identity provider does not answer',
    words: 'You cannot be signed in because your identity provider could not be reached in time.',
    remedy: 'Try again in a few minutes.',
    operator: 'The IdP timed out or failed; check its status and the network path from this host.',
  },
  idp_invalid: {
    status: 400,
    oauth: 'access_denied',
    title: 'Your identity provider sent an answer that cannot be trusted',
    words: 'The answer did not fit the sign-in that you started, so it was thrown away.',
    remedy: 'Go back to the application and connect again. If it happens again, pass on the reference below.',
    operator: 'The IdP answer failed verification; the cause says which check. Repeated cases can be an attack.',
  },
  not_found: {
    status: 404,
    oauth: 'invalid_request',
    title: 'There is no such page',
    words: 'Nothing is published at this address.',
    remedy: 'Check the address.',
    operator: 'No action is needed.',
  },
  bad_request: {
    status: 400,
    oauth: 'invalid_request',
    title: 'This request cannot be answered',
    words: 'The request was malformed, too large, or used a method that this address does not offer.',
    remedy: 'Go back and try again.',
    operator: 'The cause names the rule.',
  },
  misdirected: {
    status: 421,
    oauth: 'invalid_request',
    title: 'This server has another name',
    words: 'The request was made under a host name that this server does not answer to.',
    remedy: 'Check the address.',
    operator: 'The Host header is not the one of the issuer. Let the proxy pass the host on, or correct `issuer`.',
  },
  too_many_requests: {
    status: 429,
    oauth: 'temporarily_unavailable',
    title: 'Too many requests',
    words: 'There were too many requests from your address in a short time.',
    remedy: 'Wait a minute and try again.',
    operator: 'Raise `limits` if this is honest traffic behind one address.',
  },
  unavailable: {
    status: 503,
    oauth: 'temporarily_unavailable',
    title: 'This server cannot answer right now',
    words: 'Something that it depends on does not answer at the moment. Nothing is lost.',
    remedy: 'Try again in a few seconds.',
    operator: 'The store, or the host of a client document, does not answer; the cause says which.',
  },
  internal: {
    status: 500,
    oauth: 'server_error',
    title: 'Something went wrong on this server',
    words: 'The request could not be finished because of a fault on this server.',
    remedy: 'Try again. If it happens again, pass on the reference below.',
    operator: 'A defect: report the cause and the stack of this log line.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

/** Where a failure page lets the user go when they click: back to the application, with an OAuth error. */
export interface WayBack {
  readonly url: string
  readonly host: string
}

/** What a failure page says in place of the words of its code. Clean and complete: pages show it as it is. */
export interface FailureWords {
  readonly title: string
  readonly words: string
  readonly remedy: string
  /** An https address for whoever must act, only ever followed when somebody clicks it. */
  readonly link?: { readonly url: string; readonly label: string }
}

export interface FailureOptions extends ErrorOptions {
  readonly back?: WayBack | undefined
  readonly words?: FailureWords | undefined
}

/** A failure that ends as the page of its code. `message` and `cause` are for the log, never for the page. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: ErrorCode
  readonly back?: WayBack
  readonly words?: FailureWords

  constructor(code: ErrorCode, message: string, { back, words, ...options }: FailureOptions = {}) {
    super(message, options)
    this.code = code
    if (back) this.back = back
    if (words) this.words = words
  }
}

/** What `read` takes from something that was thrown; undefined when that breaks on being read, as what an adapter threw
 * may. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
