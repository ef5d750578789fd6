/** The landing page's content: what to paste into which client, and where the documents are. It reads only configuration. */
import type { Config } from '../config/schema.ts'
import { metadataUrl } from '../mcp/metadata.ts'
import type { LandingModel } from './models.ts'

type Connect = LandingModel['servers'][number]['connect']

export function landingModel(config: Config): LandingModel {
  const names = new Set<string>()
  return {
    issuer: config.issuer,
    development: config.development,
    servers: config.resources.map(({ name, resource, scopes }) => ({
      name,
      url: resource,
      scopes: Object.entries(scopes).map(([scope, words]) => ({ scope, words })),
      connect: connect(shortName(name, names), resource),
    })),
    documents: documents(config),
  }
}

function connect(name: string, url: string): Connect {
  const terminal = 'Run in a terminal (bash or zsh):'
  const vscode = { name, type: 'http', url }
  const cursor = { mcpServers: { [name]: { url } } }
  return [
    { client: 'Claude Code', how: terminal, snippet: `claude mcp add --transport http ${name} ${quoted(url)}` },
    { client: 'VS Code', how: terminal, snippet: `code --add-mcp ${quoted(JSON.stringify(vscode))}` },
    { client: 'Cursor', how: 'Add to ~/.cursor/mcp.json:', snippet: JSON.stringify(cursor, null, 2) },
    {
      client: 'MCP Inspector',
      how: `${terminal.slice(0, -1)}, with Node.js 22.19 or newer:`,
      snippet: `npx @modelcontextprotocol/inspector --server-url ${quoted(url)} --transport http`,
    },
    {
      client: 'mcp-remote, for clients that only start local programs',
      how: 'Let the client start this command, which signs in and passes messages on:',
      snippet: `npx mcp-remote ${quoted(url)}`,
    },
  ]
}

function documents({ issuer, resources }: Config): LandingModel['documents'] {
  return [
    { name: 'Authorization server metadata (RFC 8414)', url: serverMetadataUrl(issuer) },
    // OpenID Connect Discovery appends where the two RFCs insert.
    { name: 'OpenID Connect discovery', url: `${issuer}/.well-known/openid-configuration` },
    ...resources.map(({ name, resource }) => ({
      name: `Protected resource metadata of ${name} (RFC 9728)`,
      url: metadataUrl(resource),
    })),
    { name: 'Signing keys (JWKS)', url: `${issuer}/jwks` },
  ]
}

/** The well-known name goes between the host and the path of an issuer (RFC 8414 section 3.1). */
function serverMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}

/** A name that every client accepts as a key, and that no other server on the page has. */
function shortName(name: string, taken: Set<string>): string {
  const base =
    name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/\p{M}+/gu, '')
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 32)
      .replace(/^-+|-+$/g, '') || 'mcp-server'
  let unique = base
  for (let number = 2; taken.has(unique); number += 1) unique = `${base}-${number}`
  taken.add(unique)
  return unique
}

/** One word for a POSIX shell; a plain URL stays as it is. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
