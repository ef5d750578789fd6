import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { expect } from 'chai'
import { passTime } from '../support/clock.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { Home, User } from './official.ts'
import { type Me, textOf } from './sdk.ts'

const PROXY = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url))

describe('mcp-remote', function () {
  this.timeout(60_000)

  let issuer: TestIssuer
  let home: Home
  let user: User
  let hosts: Client[]
  let restoreTime = () => {}

  beforeEach(async () => {
    issuer = await startIssuer()
    home = await Home.open()
    user = new User(issuer.url)
    hosts = []
  })
  afterEach(async () => {
    restoreTime()
    restoreTime = () => {}
    for (const host of hosts) await host.close()
    await home.close()
    await issuer.close()
  })

  /** What a desktop application does: it starts the proxy and talks to it over its standard input and output. */
  async function start(): Promise<Client> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [PROXY, `${issuer.url}/demo/mcp`],
      env: home.environment({ MCP_REMOTE_CONFIG_DIR: home.folder }),
      stderr: 'pipe',
    })
    user.follow(transport.stderr as Readable)
    const host = new Client({ name: 'desktop-application', version: '1.0.0' })
    hosts.push(host)
    await Promise.race([host.connect(transport, { timeout: 45_000 }), user.stuck])
    return host
  }

  const events = (name: string) => issuer.logged.filter(({ event }) => event === name).length
  const call = async (host: Client, name: string, args: Record<string, unknown> = {}) =>
    textOf(await Promise.race([host.callTool({ name, arguments: args }), user.stuck]))
  const whoami = async (host: Client) => JSON.parse(await call(host, 'whoami')) as Me

  it('signs the user in and reaches the tools', async () => {
    const host = await start()
    const { tools } = await host.listTools()
    expect(tools.map(({ name }) => name)).to.have.members(['whoami', 'add'])
    const me = await whoami(host)
    expect(user.visits.map(({ searchParams }) => searchParams.get('client_id'))).to.deep.equal([me.client])
    expect(me.scopes).to.deep.equal(['demo:read'])
  })

  it('does not need the user for a second start, nor for expired tokens', async () => {
    const first = await start()
    const before = await whoami(first)
    await first.close()

    const second = await start()
    expect(await whoami(second)).to.deep.equal(before)
    const issued = events('token.issued')
    restoreTime = passTime((issuer.config.tokens.accessTokenSeconds + 60) * 1000)
    expect(await whoami(second)).to.deep.equal(before)
    expect(events('token.issued')).to.equal(issued + 1)
    await second.close()

    expect(await whoami(await start())).to.deep.equal(before)
    expect([user.visits.length, events('client.registered')]).to.deep.equal([1, 1])
  })

  it('steps up when a tool needs more', async () => {
    const host = await start()
    expect(await call(host, 'add', { a: 20, b: 22 })).to.equal('42')
    expect(user.visits).to.have.length(2)
    expect((await whoami(host)).scopes).to.have.members(['demo:read', 'demo:write'])
  })
})
