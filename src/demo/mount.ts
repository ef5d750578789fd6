/** Puts the demo MCP server into the issuer's own stack, when the configuration lists it as a resource. */
import type { JSONWebKeySet } from 'jose'
import type { Middleware } from 'koa'
import type { Config } from '../config/schema.ts'
import { demoServer } from './server.ts'

/** Below the issuer. */
export const DEMO_PATH = '/demo/mcp'

export interface Demo {
  readonly middleware: Middleware
  close(): Promise<void>
}

/** @returns undefined when no configured resource is the demo server */
export function openDemo({ issuer, resources }: Config, jwks: JSONWebKeySet): Demo | undefined {
  const resource = issuer + DEMO_PATH
  if (!resources.some((configured) => configured.resource === resource)) return undefined
  const server = demoServer({ issuer, resource, jwks })
  return {
    async middleware(ctx, next) {
      if (ctx.path !== DEMO_PATH) return next()
      // The SDK answers on the raw response, where the security headers are set already.
      ctx.respond = false
      await server.handle(ctx.req, ctx.res)
    },
    close: () => server.close(),
  }
}
