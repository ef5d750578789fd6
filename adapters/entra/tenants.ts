/** Whose users may sign in, and how tenants and their issuers are named. */
import { LoginRefused } from '../../src/adapter.ts'

export const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** The tenant of all personal Microsoft accounts, where anybody can make one. */
export const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'
/** Places at the sign-in host that stand for many tenants. Their issuer is a template. */
export const SHARED = ['organizations', 'common', 'consumers'] as const
const TEMPLATE = '{tenantid}'

export interface TenantOptions {
  readonly tenant: string
  readonly tenants?: readonly string[] | undefined
  readonly allowPersonalAccounts: boolean
  readonly authority: string
}

export interface Tenants {
  /** The issuer below which the discovery document lies. */
  readonly server: URL
  readonly shared: boolean
  issuerOf(tid: unknown): string
  acceptIssuer(issuer: string): boolean
  /** Whose token it is, proven by what the token says of itself and by whose key signed it.
   * @throws {LoginRefused} */
  admit(token: TenantToken): string
}

export interface TenantToken {
  readonly claims: { readonly iss: string; readonly tid?: unknown }
  /** The issuer as discovered. */
  readonly issuer: string
  readonly signingKey: Readonly<Record<string, unknown>> | undefined
}

export function isShared(tenant: string): boolean {
  return (SHARED as readonly string[]).includes(tenant)
}

export function tenantsOf({ tenant, tenants, allowPersonalAccounts, authority }: TenantOptions): Tenants {
  const { origin } = new URL(authority)
  const shared = isShared(tenant)
  const issuerOf = (tid: unknown) => `${origin}/${tid}/v2.0`

  function acceptIssuer(issuer: string): boolean {
    const tid = issuer.split('/')[3] ?? ''
    if (issuer !== issuerOf(tid)) return false
    // The place of personal accounts answers with the issuer of their one tenant.
    if (tenant === 'consumers') return tid === PERSONAL_ACCOUNTS
    if (shared) return tid === TEMPLATE
    // A domain is answered with the issuer of its tenant, which is known by its GUID only.
    return GUID.test(tid) && (tid === tenant || !GUID.test(tenant)) && tid !== PERSONAL_ACCOUNTS
  }

  function admit({ claims, issuer, signingKey }: TenantToken): string {
    const { tid, iss } = claims
    if (typeof tid !== 'string' || !GUID.test(tid)) throw new LoginRefused('invalid', 'the token has no tid')
    if (iss !== issuerOf(tid) || issuer.replace(TEMPLATE, tid) !== iss) {
      throw new LoginRefused('invalid', 'the token belongs to another tenant')
    }
    // Entra publishes keys of several issuers side by side and says on each key whose it is.
    const keyIssuer = signingKey?.issuer
    const fits = typeof keyIssuer === 'string' ? keyIssuer.replace(TEMPLATE, tid) === iss : !shared
    if (!fits) throw new LoginRefused('invalid', 'the token is signed with a key of another issuer')
    if (tid === PERSONAL_ACCOUNTS && !allowPersonalAccounts) {
      throw new LoginRefused('not_allowed', 'personal Microsoft accounts are not allowed (allowPersonalAccounts)')
    }
    if (tenants && !tenants.includes(tid)) {
      throw new LoginRefused('not_allowed', `the tenant ${tid} is not in the list of tenants`)
    }
    return tid
  }

  return { server: new URL(issuerOf(tenant)), shared, issuerOf, acceptIssuer, admit }
}
