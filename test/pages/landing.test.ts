import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { landingModel } from '../../src/pages/landing.ts'
import { config } from '../support/page-models.ts'

describe('landingModel', () => {
  const model = landingModel(config)
  const [plain, tricky] = model.servers

  /** What a shell makes of a snippet: its arguments, one per line. */
  const words = (snippet: string | undefined) =>
    execFileSync('sh', ['-c', `show() { printf '%s\\n' "$@"; }; show ${snippet}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n')
  const snippet = (server: typeof plain, client: string) =>
    server?.connect.find((entry) => entry.client.startsWith(client))?.snippet

  it('names each server with its address and scopes', () => {
    expect(plain).deep.include({ name: 'Tickets & Änderungen', url: 'https://mcp.example.com/mcp' })
    expect(plain?.scopes).eql([
      { scope: 'tickets:read', words: 'read tickets' },
      { scope: 'tickets:write', words: 'change tickets' },
    ])
  })

  it('has one ready line for every client', () => {
    expect(plain?.connect.map(({ snippet }) => snippet)).eql([
      'claude mcp add --transport http tickets-anderungen https://mcp.example.com/mcp',
      `code --add-mcp '{"name":"tickets-anderungen","type":"http","url":"https://mcp.example.com/mcp"}'`,
      JSON.stringify({ mcpServers: { 'tickets-anderungen': { url: 'https://mcp.example.com/mcp' } } }, null, 2),
      'npx @modelcontextprotocol/inspector --server-url https://mcp.example.com/mcp --transport http',
      'npx mcp-remote https://mcp.example.com/mcp',
    ])
  })

  it('quotes an address for the shell, which must run nothing in it', () => {
    const url = "https://other.example/a/b/?tenant=o'brien&x=$(id)"
    expect(words(snippet(tricky, 'Claude Code'))).eql([
      ...['claude', 'mcp', 'add', '--transport', 'http', 'tickets-anderungen-2', url],
    ])
    expect(words(snippet(tricky, 'mcp-remote'))).eql(['npx', 'mcp-remote', url])
    const [, , json] = words(snippet(tricky, 'VS Code'))
    expect(JSON.parse(json ?? '')).eql({ name: 'tickets-anderungen-2', type: 'http', url })
  })

  it('quotes an IPv6 address, which zsh would take for a pattern', () => {
    const [resource] = config.resources
    if (!resource) throw new Error('the configuration has a resource')
    const { servers } = landingModel({ ...config, resources: [{ ...resource, resource: 'http://[::1]:3000/mcp' }] })
    expect(snippet(servers[0], 'mcp-remote')).equal("npx mcp-remote 'http://[::1]:3000/mcp'")
  })

  it('gives no two servers the same short name, and every server one', () => {
    const [resource] = config.resources
    if (!resource) throw new Error('the configuration has a resource')
    const named = (name: string) => ({ ...resource, name })
    const { servers } = landingModel({
      ...config,
      resources: [named('東京'), named('大阪'), named(`${'x'.repeat(31)} y`)],
    })
    expect(servers.map((server) => words(snippet(server, 'Claude'))[5])).eql([
      ...['mcp-server', 'mcp-server-2', 'x'.repeat(31)],
    ])
  })

  it('links the documents where their standards put them', () => {
    expect(model.documents.map(({ url }) => url)).eql([
      'https://issuer.example.com/.well-known/oauth-authorization-server/t1',
      'https://issuer.example.com/t1/.well-known/openid-configuration',
      'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      'https://other.example/.well-known/oauth-protected-resource/a/b?tenant=o%27brien&x=$(id)',
      'https://issuer.example.com/t1/jwks',
    ])
  })

  it('says whether this is development mode', () => {
    expect(model.development).equal(false)
    expect(landingModel({ ...config, development: true }).development).equal(true)
  })
})
