/**
 * What the stand-in for Entra knows: tenants, the one app registration, people, groups, and how it is told to behave.
 * Everything here is data that a test may change while the process runs, see `index.ts`.
 */

export const TENANT = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
export const PARTNER_TENANT = 'fa15d692-e9c7-4460-a743-29f29522229e'
export const STRANGER_TENANT = '0b2f1c6e-52a1-4f6e-8d63-1f0c9f2f7a11'
/** "ID token claims reference", `tid`: the tenant of personal accounts. */
export const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'
export const CLIENT_ID = '6731de76-14a6-49ae-97bc-6eba6914391e'
export const SECRET = 'abc~8Q.first-secret'
export const REDIRECT_URI = 'https://auth.example.com/callback/idp'

export interface Person {
  /** The tenant they sign in to: a guest has an object of their own in each tenant. */
  tid: string
  oid: string
  name: string
  username: string
  email?: string
  xms_edov?: boolean | number | string
  groups: string[]
  roles?: string[]
  /** "Configure and manage optional claims": `acct` is 1 for guests. Left out unless the app registration asks. */
  acct?: 0 | 1
  assigned?: boolean
  disabled?: boolean
  /** Set to end what was handed out before: an administrator revokes, or the password changes. */
  ended?: 'revoked' | 'password' | 'expired'
  /** Whether they have passed the second factor that Conditional Access asks for. */
  secondFactor?: boolean
}

export interface Directory {
  tenants: Record<string, { domains: string[]; hasApp?: boolean; appDisabled?: boolean }>
  app: {
    clientId: string
    redirectUris: string[]
    secrets: { value: string; expired?: boolean }[]
    /** PEM. */
    certificates: string[]
    /** "Workload identity federation": what the token of the other platform must say, and the key it is signed with. */
    federated: { issuer: string; subject: string; audience: string; publicKey: string }[]
    multiTenant: boolean
    assignmentRequired: boolean
    /** "Configure group claims for applications", the attribute of that name: groups are in tokens, all of them or those that
     * are assigned to the application; null leaves the claim out. */
    groupMembershipClaims: 'All' | 'ApplicationGroup' | null
    assignedGroups: string[]
    /** Delegated permissions that an administrator consented to, beyond what people may consent to. */
    consented: string[]
  }
  people: Record<string, Person>
  groups: Record<string, { displayName: string; securityEnabled: boolean }>
  behaviour: Behaviour
}

export interface Behaviour {
  /** Who is at the browser when no login_hint says so. */
  visitor: string
  /** Who signs in when a login_hint names somebody else: people may choose another account. */
  visitorAsked: string
  /** Answers of the authorization endpoint to whoever signs in: the number of an AADSTS error, 0 for none. */
  authorizeError: number
  /** The same for the token endpoint. */
  tokenError: number
  /** Conditional Access: blocks everybody, or asks for a second factor; or only at a refresh, as a policy about networks does
   * when the browser is inside and the server that refreshes is not. */
  conditionalAccess: 'off' | 'block' | 'second factor' | 'second factor at refresh'
  /** The policy that claims challenges name. */
  policy: string
  /** Replaces claims of ID tokens; null removes one. */
  idToken: Record<string, unknown>
  signWith: 'organisations' | 'personal'
  keysNameTheirIssuer: boolean
  /** The most groups a token holds: 200 in a JWT. */
  overageAbove: number
  overageAs: 'claim names' | 'hasgroups'
  graphPageSize: number
  graphThrottles: number
  /** Seconds or a date. Whoever comes earlier is throttled again. */
  graphRetryAfter: string
  /** By its own doing: milliseconds. */
  graphThrottledUntil: number
  graphStatus: number
  /** Graph refuses whoever has not passed the second factor, with a claims challenge. */
  graphDemands: boolean
  /** The origin that the next pages of Graph are said to be at. */
  graphNextAt: string
  /** Answers every request with this status, as a service that is down does. */
  down: number
  /** Milliseconds by which its clock is ahead: the `Date` header, and the times in tokens. */
  clockAhead: number
}

const group = (index: number) => `2f1c5a8e-0000-4000-8000-${String(index).padStart(12, '0')}`
export const ENGINEERING = group(1)
export const NEWSLETTER = group(2)

export function newDirectory(): Directory {
  const person = (tid: string, tail: string, name: string, username: string): Person => {
    const oid = `690222be-ff1a-4d56-abd1-${tail.padStart(12, '0')}`
    return { tid, oid, name, username, email: username, xms_edov: true, groups: [ENGINEERING], assigned: true }
  }
  return {
    tenants: {
      [TENANT]: { domains: ['contoso.onmicrosoft.com', 'contoso.com'], hasApp: true },
      [PARTNER_TENANT]: { domains: ['fabrikam.com'], hasApp: true },
      [STRANGER_TENANT]: { domains: ['stranger.example'], hasApp: true },
      [PERSONAL_ACCOUNTS]: { domains: ['live.com'], hasApp: true },
    },
    app: {
      clientId: CLIENT_ID,
      redirectUris: [REDIRECT_URI],
      secrets: [{ value: SECRET }],
      certificates: [],
      federated: [],
      multiTenant: true,
      assignmentRequired: false,
      groupMembershipClaims: 'All',
      assignedGroups: [],
      consented: ['User.Read'],
    },
    people: {
      ada: person(TENANT, '1', 'Ada Lovelace', 'ada@contoso.com'),
      grace: person(TENANT, '2', 'Grace Hopper', 'grace@contoso.com'),
      // A guest of Contoso whose home is Fabrikam: her object id here is not the one there.
      gerda: { ...person(TENANT, '3', 'Gerda Guest', 'gerda_fabrikam.com#EXT#@contoso.onmicrosoft.com'), acct: 1 },
      frida: person(PARTNER_TENANT, '4', 'Frida', 'frida@fabrikam.com'),
      mallory: person(STRANGER_TENANT, '5', 'Mallory', 'mallory@stranger.example'),
      paula: person(PERSONAL_ACCOUNTS, '6', 'Paula', 'paula@live.com'),
    },
    groups: {
      [ENGINEERING]: { displayName: 'Engineering', securityEnabled: true },
      [NEWSLETTER]: { displayName: 'Newsletter', securityEnabled: false },
    },
    behaviour: {
      visitor: 'ada',
      visitorAsked: '',
      authorizeError: 0,
      tokenError: 0,
      conditionalAccess: 'off',
      policy: 'policy-1',
      idToken: {},
      signWith: 'organisations',
      keysNameTheirIssuer: true,
      overageAbove: 200,
      overageAs: 'claim names',
      graphPageSize: 999,
      graphThrottles: 0,
      graphRetryAfter: '0',
      graphThrottledUntil: 0,
      graphStatus: 200,
      graphDemands: false,
      graphNextAt: '',
      down: 0,
      clockAhead: 0,
    },
  }
}

export type Change<T> = T extends readonly unknown[] ? T : T extends object ? { [Key in keyof T]?: Change<T[Key]> } : T

/** Writes what `change` holds into `target`, mappings into mappings; a list replaces a list. */
export function apply(target: Record<string, unknown>, change: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(change)) {
    const here = target[key]
    if (isMapping(here) && isMapping(value) && key !== 'idToken') apply(here, value)
    else target[key] = value
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
