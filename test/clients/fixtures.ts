/**
 * What well-known MCP clients send: their registration bodies and metadata documents, and what must become of them with
 * the scopes of the demo server.
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface ClientFixture {
  /** The file name without its ending. */
  readonly id: string
  readonly client: string
  /** Where the facts are from. */
  readonly source: string
  /** A registration body (RFC 7591) or a Client ID Metadata Document. */
  readonly kind: 'dcr' | 'cimd'
  readonly body: Readonly<Record<string, unknown>>
  /** What the client sends to `/authorize`, where its loopback port may differ from the registered one. */
  readonly redirectUriUsed: string
  /** Parameters of the authorization request beside those that every client sends. */
  readonly authorize: Readonly<Record<string, string>>
  readonly expect: {
    /** Of the answer to the registration request. */
    readonly status?: number
    /** Whether the client gets a secret. */
    readonly secret: boolean
    /** Exactly what is registered. */
    readonly metadata: Readonly<Record<string, unknown>>
  }
}

const folder = new URL('./fixtures/', import.meta.url)

export function loadFixtures(): ClientFixture[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({
      id: name.slice(0, -'.json'.length),
      ...(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Omit<ClientFixture, 'id'>),
    }))
}
