import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect } from 'chai'
import { type DemoServer, demoServer } from '../../src/demo/server.ts'
import { type Issuer, issuer, type Listening, listen, mint } from './support.ts'

interface Caller {
  tools(): Promise<string[]>
  call(name: string, args?: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

const clientInfo = { name: 'test', version: '1' }

async function second(url: URL, fetchFn: typeof fetch, mode: 'legacy' | { pin: string }): Promise<Caller> {
  const client = new Client(clientInfo, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(url, { fetch: fetchFn }))
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args = {}) => firstText(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  }
}

async function first(url: URL, fetchFn: typeof fetch): Promise<Caller> {
  const client = new FirstClient(clientInfo)
  // The cast bridges `sessionId` being optional in one of its types and possibly undefined in the other.
  await client.connect(new FirstTransport(url, { fetch: fetchFn }) as Parameters<FirstClient['connect']>[0])
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args = {}) => firstText(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  }
}

function firstText(result: unknown): string {
  const { content } = result as { content: { text: string }[] }
  return content[0]?.text ?? ''
}

describe('the demo MCP server', () => {
  let as: Issuer
  let demo: DemoServer
  let server: Listening
  let endpoint: URL

  before(async () => {
    as = await issuer()
    server = await listen((req, res) => void demo.handle(req, res))
    endpoint = new URL('/demo/mcp', server.url)
    demo = demoServer({ issuer: as.url, resource: endpoint.href })
  })
  after(async () => {
    await demo.close()
    await server.close()
    await as.close()
  })

  const token = (claims: Record<string, unknown> = {}) => mint(as, { claims: { aud: endpoint.href, ...claims } })

  for (const [sdk, connect] of Object.entries({
    'client 2 of the official SDK, protocol 2026-07-28': (url: URL, fetchFn: typeof fetch) =>
      second(url, fetchFn, { pin: '2026-07-28' }),
    'client 2 of the official SDK, earlier protocols': (url: URL, fetchFn: typeof fetch) =>
      second(url, fetchFn, 'legacy'),
    'client 1 of the official SDK': first,
  })) {
    describe(`with ${sdk}`, () => {
      let caller: Caller | undefined
      let bearer: string
      let answers: Response[]
      const fetchFn: typeof fetch = async (input, init) => {
        const headers = new Headers(init?.headers)
        headers.set('authorization', `Bearer ${bearer}`)
        const response = await fetch(input, { ...init, headers })
        answers.push(response)
        return response
      }
      beforeEach(() => {
        answers = []
      })
      afterEach(() => caller?.close())

      it('lists its tools and says who calls', async () => {
        bearer = await token({ name: 'Ada', groups: ['staff'] })
        caller = await connect(endpoint, fetchFn)
        expect(await caller.tools()).to.have.members(['whoami', 'add'])
        expect(JSON.parse(await caller.call('whoami'))).to.deep.equal({
          subject: 'user-1',
          name: 'Ada',
          groups: ['staff'],
          client: 'client-1',
          scopes: ['demo:read'],
        })
      })

      it('adds for a token with demo:write', async () => {
        bearer = await token({ scope: 'demo:read demo:write' })
        caller = await connect(endpoint, fetchFn)
        expect(await caller.call('add', { a: 20, b: 22 })).to.equal('42')
      })

      it('answers add without demo:write with 403 and the challenge that lets a client step up', async () => {
        bearer = await token()
        caller = await connect(endpoint, fetchFn)
        const refused = await caller.call('add', { a: 1, b: 2 }).then(
          () => 'served',
          () => 'refused',
        )
        expect(refused).to.equal('refused')
        const answer = answers.find(({ status }) => status === 403)
        const challenge = answer?.headers.get('www-authenticate') ?? ''
        expect(challenge).to.match(/^Bearer error="insufficient_scope"/)
        expect(challenge).to.include('scope="demo:read demo:write"')
        expect(challenge).to.include(`resource_metadata="${server.url}/.well-known/oauth-protected-resource/demo/mcp"`)
        expect(answer?.headers.get('access-control-expose-headers')).to.include('WWW-Authenticate')
      })
    })
  }

  it('asks for demo:read alone when there is no token, and names that scope of basic use in its metadata', async () => {
    const response = await fetch(endpoint, { method: 'POST' })
    expect(response.status).to.equal(401)
    const challenge = response.headers.get('www-authenticate') ?? ''
    expect(challenge).to.match(/^Bearer scope="demo:read", resource_metadata="/)
    const metadata = (await (await fetch(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '')).json()) as object
    expect(metadata).to.include({ resource: endpoint.href })
    expect(metadata).to.have.property('scopes_supported').that.deep.equals(['demo:read'])
    expect(metadata).to.have.property('authorization_servers').that.deep.equals([as.url])
  })

  it('lets a page of another origin ask before it calls', async () => {
    const response = await fetch(endpoint, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:6274', 'access-control-request-method': 'POST' },
    })
    expect(response.status).to.equal(204)
    for (const header of ['Authorization', 'Content-Type', 'Mcp-Protocol-Version', 'Mcp-Session-Id', 'Last-Event-ID']) {
      expect(response.headers.get('access-control-allow-headers')?.split(', ')).to.include(header)
    }
  })

  it('refuses a body of more than one megabyte', async () => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { pad: 'x'.repeat(1_048_576) } }),
    })
    expect(response.status).to.equal(413)
  })

  it('answers 401 to a token for another server', async () => {
    const headers = { authorization: `Bearer ${await token({ aud: 'https://other.example.com/mcp' })}` }
    expect((await fetch(endpoint, { method: 'POST', headers })).status).to.equal(401)
  })
})
