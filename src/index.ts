/**
 * The issuer as a library: a request handler made of a configuration, adapters and a store. `main.ts` serves it; tests
 * and other programs embed it. It wires the parts together and owns none of their rules.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { JSONWebKeySet } from 'jose'
import pino, { type Logger } from 'pino'
import type { AdapterType, Fetch } from './adapter.ts'
import { ConfigError } from './config/load.ts'
import { checkLogos, readLogos } from './config/logos.ts'
import { checkRules } from './config/rules.ts'
import type { Config } from './config/schema.ts'
import type { Demo } from './demo/mount.ts'
import { Failure } from './errors.ts'
import { tellChangedTypes } from './idp/changed-types.ts'
import { fetchForIdps, guardedFetch } from './idp/fetch.ts'
import { openIdps } from './idp/registry.ts'
import { SECRET_KIND } from './idp/secrets.ts'
import { watched } from './idp/watch.ts'
import { openAttempts } from './interaction/attempt.ts'
import { leaveWithError } from './interaction/back.ts'
import { openBrowserBinding } from './interaction/browser.ts'
import { openFormGuard } from './interaction/form-guard.ts'
import { openLastIdp } from './interaction/last-idp.ts'
import { logoutRoutes } from './interaction/logout.ts'
import { interactionRoutes } from './interaction/routes.ts'
import { deriveKeys } from './keys/derive.ts'
import { openKeyring } from './keys/keyring.ts'
import { openAudit } from './observe/audit.ts'
import { clean } from './observe/clean.ts'
import type { Metrics } from './observe/metrics.ts'
import { openPages } from './pages/index.ts'
import { openLogos } from './pages/logos.ts'
import { accountId, openAccounts } from './provider/accounts.ts'
import { authorizationPort } from './provider/authorization.ts'
import { basePath, buildProvider } from './provider/build.ts'
import { documentFetch } from './provider/document-fetch.ts'
import { endpoints } from './provider/engine.ts'
import { pageOf } from './provider/error-pages.ts'
import { watch } from './provider/events.ts'
import { readAhead } from './provider/read-ahead.ts'
import { openResources } from './provider/resources.ts'
import { buildServer } from './server.ts'
import { openSessions } from './sessions.ts'
import type { StoreEngine } from './store.ts'
import { sharedDeletions } from './stores/deletions.ts'
import { refuseHalfImported } from './stores/move/marker.ts'
import { asOneRequest, patience, patient } from './stores/patience.ts'
import { Ring } from './stores/ring.ts'
import { SealBroken, sealStore } from './stores/seal.ts'
import { startUpkeep } from './stores/upkeep.ts'
import { callbackUrl } from './url.ts'

export type { AdapterType } from './adapter.ts'
export { ConfigError, parseConfig } from './config/load.ts'
export type { Config, ConfigInput } from './config/schema.ts'
export type { Metrics } from './observe/metrics.ts'
export type { Store, StoreEngine } from './store.ts'
export { openEmbeddedStore } from './stores/embedded/index.ts'
export { migrateStore, openStore } from './stores/open.ts'

export interface IssuerParts {
  readonly adapters: readonly AdapterType[]
  /** The engine to keep everything in. The issuer seals what it writes and does not close the store. */
  readonly store: StoreEngine
  readonly log?: Logger
  /** Where to count, when anybody reads it. */
  readonly metrics?: Metrics
  /** Fetches metadata documents and keys of clients instead of the guarded fetch, for instance by way of a proxy. */
  readonly fetchForClients?: Fetch
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number
}

export interface Issuer {
  /** For `http.createServer`, or behind a framework that has not read the body. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  close(): Promise<void>
}

/**
 * @throws {ConfigError} when the configuration breaks a rule, for instance one of those outside development mode
 * @throws {Error} with one sentence when the secret does not fit the data, a view is broken or an adapter is unknown
 */
export async function createIssuer(config: Config, parts: IssuerParts): Promise<Issuer> {
  const log = parts.log ?? pino({ level: 'silent' })
  const now = parts.now ?? Date.now
  const issuer = new URL(config.issuer)
  const base = basePath(config)
  const audit = openAudit(log)
  // Whatever logger this is, it must not break on what an adapter threw.
  const robust = { warn: (fields: object, message: string) => log.warn(clean(fields), message) }
  const problems = [...checkRules(config, parts.adapters), ...checkLogos(config)]
  if (problems.length > 0) throw new ConfigError(problems)

  const ring = await Ring.open(parts.store, config)
  await refuseHalfImported(parts.store, ring)
  const sealed = sealStore(parts.store, ring)
  const store = patient({ ...sealed, deleteGrant: sharedDeletions(sealed) })
  const keyring = await openKeyring(store)
  const pages = openPages({ viewsDir: config.viewsDir, development: config.development, basePath: base })
  const logos = openLogos(readLogos(config), base)
  const idps = openIdps(config.idps, parts.adapters, {
    fetch: watched(fetchForIdps()),
    redirectUri: (id) => callbackUrl(issuer, id),
    warn(fields, message) {
      log.warn(fields, message)
      parts.metrics?.warned(fields.idp, fields.code)
    },
    now: () => new Date(now()),
  })
  const isBroken = (error: unknown) => error instanceof SealBroken
  await tellChangedTypes(store, idps.values(), (fields, message) => log.warn(fields, message), isBroken)
  const resources = openResources(config.resources)
  const reads = readAhead(store)
  const accounts = openAccounts(store, reads, config.tokens.grantSeconds * 1000, now)
  const sessions = openSessions({
    config,
    store,
    reads,
    idps,
    audit,
    metrics: parts.metrics,
    log,
    apart: asOneRequest,
    now,
  })
  const { recheck, grants } = sessions
  const keysFor = (purpose: string) => deriveKeys(() => ring.secrets, purpose)
  const derivedForCookies = keysFor('cookies')
  const cookieKeys = () => derivedForCookies().map((key) => key.toString('base64url'))

  const provider = buildProvider({
    config,
    store,
    reads,
    accounts,
    recheck: recheck.check,
    connected: recheck.connected,
    patience,
    codeReplayed: sessions.codeReplayed,
    recheckReads: config.sessions.recheckSeconds > 0 ? SECRET_KIND : undefined,
    resources,
    jwks: keyring.jwks,
    cookieKeys,
    fetchForClients: documentFetch(parts.fetchForClients ?? fetchForClients(config), store, now),
    renderError(_ctx, out, error) {
      throw new Failure(pageOf(out, error), `${out.error}: ${out.error_description ?? ''}`, { cause: error })
    },
    now,
  })
  watch(provider, { log, audit, grantEnded: recheck.grantEnded })
  const demo = config.development ? await startDemo(config, keyring.publicJwks) : undefined

  const forms = openFormGuard(keysFor('forms'), issuer.origin)
  const browser = openBrowserBinding(keysFor('browser'), issuer.protocol === 'https:')
  const app = buildServer({
    config,
    log,
    store,
    pages,
    logos,
    cookieKeys,
    ...(demo ? { demo: demo.middleware } : undefined),
    interaction: interactionRoutes({
      base,
      port: authorizationPort(provider, { resources, accounts, grants, signedIn: recheck.begin, audit }),
      attempts: openAttempts(store, issuer, now),
      challenges: sessions.challenges,
      accountId,
      idps,
      browser,
      lastIdp: openLastIdp(issuer.protocol === 'https:'),
      forms,
      pages,
      logos,
    }),
    logout: logoutRoutes({
      issuer,
      base,
      idps,
      forms,
      pages,
      audit,
      log,
      backchannel: { idps, store, end: sessions.loggedOut, audit, log: robust, now },
    }),
    oauth: endpoints(provider, {
      config,
      store,
      resources,
      publicJwks: keyring.publicJwks,
      now,
      interactionStarted: browser.bind,
      interactionResumed: browser.check,
      leaveWithError: (ctx, target) => leaveWithError(ctx, target, 'request_refused'),
    }),
  })
  const answer = app.callback()
  const upkeep = startUpkeep({ store: parts.store, ring, log, onSize: parts.metrics?.stored })

  return {
    handler: (req, res) => asOneRequest(() => answer(req, res)),
    async close() {
      upkeep.stop()
      await demo?.close()
    },
  }
}

/** Clients name addresses that we fetch, so these are public ones only, unless the operator says otherwise. */
function fetchForClients({ clientMetadata }: Config): Fetch {
  return guardedFetch({
    timeoutMs: 2500,
    maxBytes: 64 * 1024,
    allowPrivate: (host) => clientMetadata.privateHosts.includes(host),
  })
}

/** Loaded only where it is wanted: the MCP SDK costs a second and 40 MB. */
async function startDemo(config: Config, jwks: JSONWebKeySet): Promise<Demo | undefined> {
  const { openDemo } = await import('./demo/mount.ts')
  return openDemo(config, jwks)
}
