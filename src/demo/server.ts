/**
 * The demo MCP server: Streamable HTTP made with the official SDK, for the 2026-07-28 protocol and the ones before it.
 * It shows what an MCP server owner writes; tokens are the business of `consulate/mcp`, as they would be anywhere else.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer, type ServerContext } from '@modelcontextprotocol/server'
import { z } from 'zod'
import {
  type AuthInfo,
  type ProtectedResource,
  type ProtectedResourceOptions,
  protectedResource,
} from '../mcp/index.ts'

export const DEMO_SCOPES = { read: 'demo:read', write: 'demo:write' } as const

const MAX_BODY_BYTES = 1_048_576

export interface DemoServer {
  /** Answers a request for the MCP endpoint or its metadata document. The body must not have been read yet. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>
  /** Ends what is still being answered. */
  close(): Promise<void>
}

export function demoServer(options: Pick<ProtectedResourceOptions, 'issuer' | 'resource' | 'jwks'>): DemoServer {
  const auth = protectedResource({
    ...options,
    name: 'Demo MCP server',
    scopes: [DEMO_SCOPES.read],
    requiredScopes: [DEMO_SCOPES.read],
  })
  // One instance per request: nothing is kept between two calls.
  const handler = createMcpHandler(() => tools(auth), { maxRequestBodySize: MAX_BODY_BYTES })
  const serve = toNodeHandler(handler, { maxRequestBodySize: MAX_BODY_BYTES })
  return {
    handle: (req, res) =>
      auth.guard(req, res, async (error) => {
        if (error) throw error
        await serve(req as NodeIncomingMessageLike, res)
      }),
    close: () => handler.close(),
  }
}

function tools(auth: ProtectedResource): McpServer {
  const server = new McpServer({ name: 'consulate-demo', version: '1.0.0' })
  server.registerTool(
    'whoami',
    {
      title: 'Who am I',
      description: 'Tells who you are to this server, through which client you came and what it may do.',
      annotations: { readOnlyHint: true },
    },
    (context) => text(JSON.stringify(describe(caller(context)))),
  )
  server.registerTool(
    'add',
    {
      title: 'Add two numbers',
      description: `Adds two numbers. Needs the scope ${DEMO_SCOPES.write}.`,
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      annotations: { readOnlyHint: true },
      scopeChallenge: auth.scopeChallenge(DEMO_SCOPES.write),
    },
    ({ a, b }) => text(String(a + b)),
  )
  return server
}

function describe({ clientId, scopes, extra }: AuthInfo): Record<string, unknown> {
  const { sub: subject, name, groups } = extra
  return { subject, ...(name ? { name } : {}), ...(groups ? { groups } : {}), client: clientId, scopes }
}

/** The SDK hands on what the guard put on the request. */
function caller(context: ServerContext): AuthInfo {
  return context.http?.authInfo as AuthInfo
}

function text(value: string) {
  return { content: [{ type: 'text' as const, text: value }] }
}
