/**
 * What each page is given. A view shows its model and decides nothing: every string here is complete, and every URL has
 * been checked by whoever made the model. Eta escapes them all.
 */
import type { Field } from '../adapter.ts'
import type { FailureWords, WayBack } from '../errors.ts'

/** Asks the user to approve a client, before the browser leaves for the IdP. */
export interface ConsentModel {
  /** Where the form is posted. */
  readonly action: string
  readonly csrf: string
  readonly clientName: string
  /** The host of the `client_id` when the client identifies itself by a metadata document. */
  readonly clientHost?: string
  /** Where the answer goes: a host, or the scheme of an application on this device. */
  readonly redirectHost: string
  /** The same in ASCII when it differs from what people would read (punycode). */
  readonly redirectHostAscii?: string
  /** `device`: only programs on this computer can receive the answer. */
  readonly redirectKind: 'web' | 'device' | 'app'
  readonly resourceName: string
  readonly resourceUrl: string
  readonly scopes: readonly { readonly scope: string; readonly words: string }[]
  /** The IdP's name when there is nothing to choose, so that the user knows where Approve leads. */
  readonly idpName?: string
}

/** Lets the user choose where to sign in: one button per IdP, and a field for an e-mail address when that can tell. */
export interface ChooseModel {
  readonly action: string
  readonly csrf: string
  readonly clientName: string
  readonly resourceName: string
  readonly idps: readonly {
    readonly id: string
    readonly name: string
    readonly logo?: { readonly url: string }
    /** This browser signed in there the last time. */
    readonly lastUsed: boolean
  }[]
  /** What was typed, and why it led nowhere. */
  readonly email?: { readonly value: string; readonly problem?: string }
}

/** The form step of an adapter, posted to its redirect URI. */
export interface FormModel {
  readonly action: string
  readonly state: string
  readonly title: string
  readonly notice?: string
  readonly fields: readonly Field[]
}

export interface FailureModel extends FailureWords {
  /** Also in the operator's log. */
  readonly reference: string
  /** A way back to the application, only ever followed when the user clicks it. */
  readonly back?: WayBack
}

/** The page for people at `/`. */
export interface LandingModel {
  readonly issuer: string
  readonly development: boolean
  readonly servers: readonly {
    readonly name: string
    readonly url: string
    readonly scopes: readonly { readonly scope: string; readonly words: string }[]
    /** One ready line or snippet for each client. */
    readonly connect: readonly { readonly client: string; readonly how: string; readonly snippet: string }[]
  }[]
  readonly documents: readonly { readonly name: string; readonly url: string }[]
}

/** What a logout ends, before it ends it. */
export interface LogoutModel {
  readonly action: string
  readonly csrf: string
  /** Those that can end their session. `disconnects`: they tell us, and the user's applications are disconnected. */
  readonly idps: readonly { readonly id: string; readonly name: string; readonly disconnects: boolean }[]
}

/** What it ended. */
export interface LoggedOutModel {
  /** The IdP whose session was to end too. */
  readonly idpName?: string
  /** It could not be asked to. */
  readonly failed: boolean
}

/** What an administrator comes back to who consented at the IdP for everybody. */
export interface AdminConsentModel {
  readonly idpName: string
}

export interface Models {
  readonly consent: ConsentModel
  readonly choose: ChooseModel
  readonly form: FormModel
  readonly failure: FailureModel
  readonly landing: LandingModel
  readonly logout: LogoutModel
  readonly loggedOut: LoggedOutModel
  readonly adminConsent: AdminConsentModel
}
