/**
 * Where the documents are found. Clients build these addresses by three specifications and a few mistakes; each gets
 * its document directly, since some clients refuse to follow a redirect here.
 *
 * The issuer's own documents are made by the engine; those of resources by `mcp/`.
 */
import type { ResourceConfig } from '../config/schema.ts'
import type { Middleware } from './state.ts'

/** Long enough to take the load off, short enough that a new server or key is known within minutes. */
const CACHE_CONTROL = 'public, max-age=300'
const ISSUER_DOCUMENTS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
const RESOURCE_DOCUMENT = '/.well-known/oauth-protected-resource'

/**
 * Rewrites the address of the issuer's metadata to the one place where the engine serves it: below the issuer's path.
 * Understood are the inserted form (RFC 8414, section 3.1) and the appended one (OpenID Connect Discovery, section 4)
 * of both documents, with and without a trailing slash.
 */
export function wellKnownAliases({ issuer }: { readonly issuer: URL }): Middleware {
  const prefix = issuer.pathname.replace(/\/$/, '')
  const aliases = new Map<string, string>()
  for (const document of ISSUER_DOCUMENTS) {
    const place = prefix + document
    for (const address of [place, document + prefix]) {
      aliases.set(address, place)
      aliases.set(`${address}/`, place)
    }
  }
  return async (ctx, next) => {
    const place = aliases.get(ctx.path)
    if (place === undefined) return next()
    ctx.path = place
    await next()
    const read = ctx.method === 'GET' || ctx.method === 'HEAD'
    // On success only: a cache must not keep an outage alive.
    if (read && ctx.status === 200 && !ctx.response.get('Cache-Control')) ctx.set('Cache-Control', CACHE_CONTROL)
  }
}

export interface ResourceMetadataOptions {
  readonly issuer: URL
  /** The resources, or a function that answers those configured at the moment. */
  readonly resources: readonly ResourceConfig[] | (() => readonly ResourceConfig[])
  /** The protected resource metadata of one. */
  readonly document: (resource: ResourceConfig) => object
}

/**
 * Serves the metadata of protected resources (RFC 9728, section 3.1): for those at the issuer's origin at the inserted
 * address, and for every resource also below its host's name, where a server elsewhere can point its clients to.
 */
export function protectedResourceMetadata({ issuer, resources, document }: ResourceMetadataOptions): Middleware {
  const configured = typeof resources === 'function' ? resources : () => resources
  let known: readonly ResourceConfig[] | undefined
  let places = new Map<string, ResourceConfig>()
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    if (!ctx.path.startsWith(RESOURCE_DOCUMENT)) return next()
    const list = configured()
    if (list !== known) {
      places = placesOf(list, issuer)
      known = list
    }
    const resource = places.get(ctx.path + ctx.search) ?? places.get(ctx.path)
    if (resource === undefined) return next()
    ctx.body = document(resource)
    ctx.set('Cache-Control', CACHE_CONTROL)
  }
}

function placesOf(resources: readonly ResourceConfig[], issuer: URL): Map<string, ResourceConfig> {
  const places = new Map<string, ResourceConfig>()
  const offer = (place: string, resource: ResourceConfig) => {
    if (!places.has(place)) places.set(place, resource)
  }
  const located = resources.map((resource) => {
    const url = new URL(resource.resource)
    const path = url.pathname === '/' ? '' : url.pathname
    return { resource, path, search: url.search, host: url.host, here: url.origin === issuer.origin }
  })
  // The exact addresses first: `/mcp` and `/mcp/` may be two resources, and then neither stands in for the other.
  for (const { resource, path, search, host, here } of located) {
    if (here) offer(RESOURCE_DOCUMENT + path + search, resource)
    offer(`${RESOURCE_DOCUMENT}/${host}${path}${search}`, resource)
  }
  for (const { resource, path, search, host, here } of located) {
    const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`
    if (here) offer(RESOURCE_DOCUMENT + other + search, resource)
    offer(`${RESOURCE_DOCUMENT}/${host}${other}${search}`, resource)
  }
  return places
}
