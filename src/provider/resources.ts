/**
 * Resource indicators (RFC 8707): which MCP servers there are, which one a request means, and what a token for it is.
 */
import { errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import type { ResourceConfig } from '../config/schema.ts'
import { canonicalResource } from '../url.ts'
import { OPENID_SCOPES } from './scopes.ts'

export interface Resources {
  readonly all: readonly ResourceConfig[]
  /** The configured resource that a request names, compared in canonical form. */
  named(resource: string): ResourceConfig | undefined
  /** The resource meant by a request that names none: the only one, or the only one that has every scope asked for. */
  implied(scope: string | undefined): ResourceConfig | undefined
  /** The resource whose server calls `/introspect` under this client id. */
  introspectedBy(clientId: string): ResourceConfig | undefined
}

export function openResources(resources: readonly ResourceConfig[]): Resources {
  const byUri = new Map(resources.map((resource) => [canonicalResource(resource.resource), resource]))
  return {
    all: resources,
    named: (resource) => byUri.get(canonicalResource(resource) ?? ''),
    implied(scope) {
      if (resources.length === 1) return resources[0]
      const wanted = (scope ?? '').split(/\s+/).filter((token) => token && !OPENID_SCOPES.includes(token))
      if (wanted.length === 0) return undefined
      const fitting = resources.filter((resource) => wanted.every((token) => Object.hasOwn(resource.scopes, token)))
      return fitting.length === 1 ? fitting[0] : undefined
    },
    introspectedBy: (clientId) => resources.find((resource) => resource.introspection?.clientId === clientId),
  }
}

/** The `features.resourceIndicators` part of oidc-provider's configuration. */
export function resourceIndicators(resources: Resources) {
  return {
    enabled: true,
    async defaultResource(
      ctx: KoaContextWithOIDC,
      _client: unknown,
      oneOf?: readonly string[],
    ): Promise<string | string[]> {
      // Several resources in one request: left as they are, and refused below.
      if (oneOf) return [...oneOf]
      const implied = resources.implied(ctx.oidc.params?.scope as string | undefined)
      if (implied) return implied.resource
      throw new errors.InvalidTarget('name the MCP server by the resource parameter (RFC 8707)')
    },
    async useGrantedResource(): Promise<boolean> {
      return true
    },
    async getResourceServerInfo(ctx: KoaContextWithOIDC, indicator: string): Promise<ResourceServer> {
      const asked = ctx.oidc.params?.resource
      if (Array.isArray(asked) && asked.length > 1) {
        throw new errors.InvalidTarget('a token is for one resource; send one resource parameter')
      }
      const resource = resources.named(indicator)
      if (resource?.resource !== indicator) throw new errors.InvalidTarget('this issuer does not serve that resource')
      return {
        scope: Object.keys(resource.scopes).join(' '),
        audience: resource.resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }
    },
  }
}
