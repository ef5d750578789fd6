/**
 * The configuration's shape and defaults, and nothing else: files and references are read in `load.ts`, and rules that
 * span several settings are in `rules.ts`. `docs/configuration.md` describes every setting named here.
 */
import { z } from 'zod'

const id = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'use 1 to 32 lower-case letters, digits and hyphens')
const seconds = z.int().positive()
const port = z.int().min(0).max(65_535)
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/, 'use 1 to 64 printable characters without spaces')
const hostName = z.string().regex(/^[a-z0-9.-]{1,253}$/, 'use a lower-case host name')

export const resourceSchema = z.strictObject({
  /** The canonical URL of the MCP server: the `resource` of RFC 8707 and the `aud` of its tokens. */
  resource: z.url({ protocol: /^https?$/ }),
  /** What the consent page calls it. */
  name: z.string().min(1).max(80),
  /** Each scope and what it lets a client do, in words that complete "This lets the application ...". */
  scopes: z.record(scopeToken, z.string().min(1).max(160)),
  /** Granted when a client asks for no scope. */
  defaultScopes: z.array(scopeToken).min(1),
  /** Ids of the IdPs whose users may sign in for this resource; all when absent. */
  idps: z.array(id).min(1).optional(),
  /** Claims about the user that its access tokens carry beside `sub`. */
  claims: z.array(z.enum(['groups', 'name', 'email', 'username'])).default([]),
  /** Credentials with which this MCP server may ask `/introspect` (RFC 7662). */
  introspection: z.strictObject({ clientId: id, clientSecret: z.string().min(32) }).optional(),
})

const mailDomain = z
  .string()
  .regex(
    /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
    'use a lower-case domain: example.com',
  )

/** An IdP. Everything that is not named here is checked by its adapter. */
export const idpSchema = z.looseObject({
  id,
  /** The type of a built-in adapter, a package name, or a module path that starts with `./` or `/`. */
  type: z.string().min(1),
  /** What people see on the button. */
  name: z.string().min(1).max(60),
  /** A PNG, JPEG, WebP or SVG file to show beside the name. */
  logo: z.string().min(1).optional(),
  /** Whoever names an e-mail address of one of these domains is sent here. */
  domains: z.array(mailDomain).min(1).optional(),
})

export const configSchema = z.strictObject({
  /** The issuer identifier (RFC 8414). Clients key everything by it: never change it. No trailing slash. */
  issuer: z.url({ protocol: /^https?$/ }),
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.default(3000) }).prefault({}),
  /** Addresses or CIDR ranges of reverse proxies whose `X-Forwarded-For` counts. */
  trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
  /** Every key at rest, every cookie and every hash is derived from this. At least 32 characters. */
  secret: z.string(),
  /** Secrets whose data can still be read, until `consulate keys rotate-secret` has sealed all of it anew. */
  previousSecrets: z.array(z.string()).max(4).default([]),
  store: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('embedded'), path: z.string().min(1).default('./data') }),
      z.strictObject({
        type: z.literal('mongodb'),
        /** With user and password, so it is never shown. The database is `consulate` unless its path names another. */
        url: z.string().regex(/^mongodb(\+srv)?:\/\/[^/?#]+/, 'write mongodb:// or mongodb+srv:// and the hosts'),
      }),
    ])
    .prefault({ type: 'embedded' }),
  idps: z.array(idpSchema),
  resources: z.array(resourceSchema),
  registration: z
    .strictObject({
      /** Dynamic client registration (RFC 7591). */
      enabled: z.boolean().default(true),
      /** Custom URI schemes that redirect URIs may use. */
      customSchemes: z
        .array(z.string().regex(/^[a-z][a-z0-9+.-]*$/, 'use a lower-case URI scheme without the colon'))
        .default(['cursor', 'vscode', 'vscode-insiders', 'windsurf']),
      /** Registered clients for which no user signed in are dropped after this long. */
      unusedSeconds: seconds.default(86_400),
      /** Registrations are answered with 503 beyond this number of clients. */
      maxClients: z.int().positive().default(100_000),
    })
    .prefault({}),
  clientMetadata: z
    .strictObject({
      /** Client ID Metadata Documents: a `client_id` that is an https URL. */
      enabled: z.boolean().default(true),
      /** Only these hosts may serve a document; any public host when absent. */
      hosts: z.array(hostName).min(1).optional(),
      /** Hosts that may resolve to private addresses. Every other host must be public. */
      privateHosts: z.array(hostName).default([]),
    })
    .prefault({}),
  tokens: z
    .strictObject({
      accessTokenSeconds: seconds.max(3600).default(600),
      /** Idle lifetime: each refresh starts it anew. */
      refreshTokenSeconds: seconds.default(2_592_000),
      /** How long a spent refresh token may be used once more, for clients that lost the answer. */
      refreshReuseSeconds: z.int().min(0).max(300).default(60),
      /** The longest a grant lives, however often it is refreshed. */
      grantSeconds: seconds.default(34_560_000),
    })
    .prefault({}),
  /** What becomes of our grants when the IdP no longer vouches for their user. */
  sessions: z
    .strictObject({
      /** The user is checked at the IdP when a refresh token is used, at most once in this time; 0 turns that off. */
      recheckSeconds: z.int().min(0).default(900),
      /** How long after the last good check an IdP that gives no answer is forgiven. */
      graceSeconds: z.int().min(0).default(28_800),
    })
    .prefault({}),
  /** Requests per minute and client address; IPv6 addresses count by /64. */
  limits: z
    .strictObject({
      register: z.int().positive().default(60),
      authorize: z.int().positive().default(300),
      token: z.int().positive().default(1200),
      /** Pages of a sign-in, and answers of IdPs; each of those may make us ask the IdP. */
      signIn: z.int().positive().default(1200),
      logout: z.int().positive().default(600),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
      /** `pretty` for people, `json` for machines; `auto` is pretty on a terminal. */
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
  /** Where a Prometheus reads figures, on a listener of its own; none when absent. */
  metrics: z.strictObject({ host: z.string().default('127.0.0.1'), port }).optional(),
  /** A folder whose templates and style sheet replace ours by file name. */
  viewsDir: z.string().min(1).optional(),
  /** Development mode: allows the `dev` adapter and serves the demo MCP server. Never on a network. */
  development: z.boolean().default(false),
})

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>
export type ResourceConfig = z.output<typeof resourceSchema>
export type IdpConfig = z.output<typeof idpSchema>
