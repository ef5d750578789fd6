/** What an IdP of the type `entra` may hold in the configuration. */
import { z } from 'zod'
import { DOMAIN, LOOPBACK } from '../code-flow/options.ts'
import { keyProblem } from './certificate.ts'
import { GRAPHS } from './graph.ts'
import { GUID, isShared, PERSONAL_ACCOUNTS } from './tenants.ts'

const origin = z
  .url({ protocol: /^https?$/, abort: true })
  .refine((url) => new URL(url).href === `${new URL(url).origin}/`, 'use an https origin without a path')

const secret = z
  .string()
  .min(1)
  .refine((value) => !GUID.test(value.toLowerCase()), 'this is the ID of the secret; use its value')

const credential = z
  .strictObject({
    /** The value of a client secret. */
    clientSecret: secret.optional(),
    /** The day that the portal shows as the end of the secret. */
    expires: z.iso.date().optional(),
    /** An X.509 certificate in PEM, uploaded to the app registration. */
    certificate: z.string().min(1).optional(),
    /** Its RSA key in PEM. */
    privateKey: z.string().min(1).optional(),
    /** A file with a token that a workload identity federation trusts. */
    federatedTokenFile: z.string().min(1).optional(),
  })
  .superRefine(({ clientSecret, expires, certificate, privateKey, federatedTokenFile }, context) => {
    const refuse = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', path, message })
    const kinds = [clientSecret, certificate ?? privateKey, federatedTokenFile].filter((kind) => kind !== undefined)
    if (kinds.length !== 1) {
      refuse('write one of clientSecret, certificate with privateKey, or federatedTokenFile')
      return
    }
    if (expires !== undefined && clientSecret === undefined) {
      refuse('a certificate and a token know their end themselves; remove it', 'expires')
    }
    if ((certificate === undefined) !== (privateKey === undefined)) {
      refuse('a certificate needs its key', certificate === undefined ? 'certificate' : 'privateKey')
    } else if (certificate !== undefined && privateKey !== undefined) {
      const problem = keyProblem(certificate, privateKey)
      if (problem) refuse(problem.remedy, problem.setting)
    }
  })

const groups = z.strictObject({
  /** `token`: the groups of the ID token, and Graph when it has none. `graph`: always Graph. `roles`: the
   * app roles of the ID token. `none`: groups are not needed. */
  from: z.enum(['token', 'graph', 'roles', 'none']).default('token'),
  /** What a token without a groups claim means, with `token`. Entra leaves it out for people in no group, and for everybody
   * when the app registration does not ask for it. `graph`: ask Graph. `none`: no groups. */
  absent: z.enum(['graph', 'none']).default('graph'),
  /** What Graph's groups are called by: their object ids, or their display names. */
  as: z.enum(['id', 'name']).default('id'),
  /** Which of Graph's groups count: all, or those made for access. */
  kinds: z.enum(['all', 'security']).default('all'),
  /** How long the answer of Graph about a user is kept for their next sign-in. A re-check asks again. */
  cacheSeconds: z.int().min(0).max(3600).default(300),
})

const guid = (message: string) => z.string().toLowerCase().regex(GUID, message)

export const entraOptions = z
  .strictObject({
    /** The directory (tenant) ID, a domain of the tenant, or `organizations`, `common` or `consumers` for many. */
    tenant: z
      .string()
      .toLowerCase()
      .refine(
        (tenant) => (GUID.test(tenant) || DOMAIN.test(tenant) || isShared(tenant)) && tenant !== PERSONAL_ACCOUNTS,
        'name one tenant by its directory ID or its domain, or write organizations',
      ),
    /** With `organizations` or `common`: the tenants whose users may sign in. */
    tenants: z.array(guid('use the directory (tenant) ID, a GUID')).min(1).optional(),
    /** In place of that list: lets in everybody who has an account in any tenant of the world. */
    anyTenant: z.boolean().default(false),
    /** Lets in personal Microsoft accounts, which anybody can make. */
    allowPersonalAccounts: z.boolean().default(false),
    /** Whether guests of the tenant may sign in. `refuse` needs the optional claim `acct`. */
    guests: z.enum(['allow', 'refuse']).default('allow'),
    /** The application (client) ID of the app registration. */
    clientId: guid('use the application (client) ID, a GUID'),
    /** The value of the one client secret; more and other credentials are `credentials`. */
    clientSecret: secret.optional(),
    /** Credentials, the one to use first at the start. Two while one replaces the other. */
    credentials: z.array(credential).min(1).max(2).optional(),
    /** The sign-in host of a national cloud. */
    authority: origin.default('https://login.microsoftonline.com'),
    /** The Microsoft Graph host. By default that of the cloud of `authority`. */
    graph: origin.optional(),
    groups: groups.prefault({}),
    /** Asks for a refresh token, by which the user is re-checked while clients use theirs. */
    recheck: z.boolean().default(true),
    /** Allows an authority on this computer to speak plain http. */
    allowInsecure: z.boolean().default(false),
  })
  .superRefine((options, context) => {
    const { tenant, tenants, anyTenant, allowPersonalAccounts, clientSecret, credentials } = options
    const { authority, graph, allowInsecure } = options
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: path.split('.'), message })
    if ((clientSecret === undefined) === (credentials === undefined)) {
      refuse('clientSecret', 'write either clientSecret or credentials')
    }
    const many = isShared(tenant) && tenant !== 'consumers'
    if (tenants && !many) refuse('tenants', 'with a list write tenant: organizations')
    if (anyTenant && !many) refuse('anyTenant', 'for every tenant write tenant: organizations')
    if (tenants && anyTenant) refuse('anyTenant', 'leave out either the list of tenants or anyTenant: true')
    if ((tenant === 'common' || tenant === 'consumers') && !allowPersonalAccounts) {
      refuse('tenant', `${tenant} lets in personal accounts: write organizations, or set allowPersonalAccounts: true`)
    } else if (many && !tenants && !anyTenant) {
      refuse('tenants', 'list the tenants whose users may sign in; for every tenant in the world, set anyTenant: true')
    }
    if (tenants?.includes(PERSONAL_ACCOUNTS) && !allowPersonalAccounts) {
      refuse('tenants', 'this is the tenant of personal accounts: remove it, or set allowPersonalAccounts: true')
    }
    if (options.groups.as === 'name' && options.groups.from !== 'graph') {
      refuse('groups.as', 'names come from Graph: set groups.from: graph')
    }
    if (options.groups.absent === 'none' && options.groups.from !== 'token') {
      refuse('groups.absent', 'this is about the groups claim: set groups.from: token, or remove it')
    }
    if (usesGraph(options.groups.from) && graph === undefined && GRAPHS[new URL(authority).origin] === undefined) {
      refuse('graph', 'name the Microsoft Graph host of this cloud, or set groups.from: none')
    }
    for (const [path, url] of Object.entries({ authority, graph })) {
      const { protocol, hostname } = new URL(url ?? 'https://unset.invalid')
      if (protocol === 'http:' && !(allowInsecure && LOOPBACK.has(hostname))) refuse(path, 'use https')
    }
  })

export type EntraOptions = z.output<typeof entraOptions>

/** The origin of Microsoft Graph. Where the cloud is not known, nothing that needs it passes the rules above. */
export function graphOf({ graph, authority }: Pick<EntraOptions, 'graph' | 'authority'>): string {
  return new URL(graph ?? GRAPHS[new URL(authority).origin] ?? 'https://graph.microsoft.com').origin
}

export function usesGraph(from: EntraOptions['groups']['from']): boolean {
  return from === 'token' || from === 'graph'
}
