import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../cli/support.ts'
import { passTime } from '../support/clock.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { type Command, needTool } from '../support/tools.ts'
import { Home, User } from './official.ts'
import { type Me, textOf } from './sdk.ts'

const WHOAMI = ['--method', 'tools/call', '--tool-name', 'whoami']
const ADD = ['--method', 'tools/call', '--tool-name', 'add', '--tool-arg', 'a=20', 'b=22']

describe("the MCP Inspector's command line, with its own sign-in", function () {
  this.timeout(60_000)

  let inspector: Command
  before(function () {
    inspector = needTool(this, '@modelcontextprotocol/inspector')
  })

  let issuer: TestIssuer
  let home: Home
  let user: User
  let callback: string
  let restoreTime = () => {}
  beforeEach(async () => {
    issuer = await startIssuer()
    home = await Home.open()
    user = new User(issuer.url)
    callback = `http://127.0.0.1:${await freePort()}/oauth/callback`
  })
  afterEach(async () => {
    restoreTime()
    restoreTime = () => {}
    await home.close()
    await issuer.close()
  })

  /** The result of one run of the program. What the user has to be asked for is answered with yes. */
  async function inspect(...args: string[]): Promise<unknown> {
    const { code, out, err } = await home.run(
      user,
      [inspector.node, inspector.script, '--cli', '--callback-url', callback, '--format', 'json', ...args],
      {
        // Without a terminal the program signs in only when it is told that it may open a browser.
        env: { MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' },
        input: 'y\n',
      },
    )
    if (code !== 0) throw new Error(`the Inspector ended with ${code}: ${err}`)
    return (JSON.parse(out) as { result: unknown }).result
  }

  const server = () => ['--transport', 'http', '--server-url', `${issuer.url}/demo/mcp`]
  const events = (name: string) => issuer.logged.filter(({ event }) => event === name).length

  it('signs the user in and lists the tools', async () => {
    const { tools } = (await inspect(...server(), '--method', 'tools/list')) as { tools: { name: string }[] }
    expect(tools.map(({ name }) => name)).to.have.members(['whoami', 'add'])
    expect(user.visits).to.have.length(1)
  })

  it('calls tools in later runs without the user, and refreshes expired tokens', async () => {
    const me = JSON.parse(textOf(await inspect(...server(), ...WHOAMI))) as Me
    expect(user.visits.map(({ searchParams }) => searchParams.get('client_id'))).to.deep.equal([me.client])
    expect(JSON.parse(textOf(await inspect(...server(), ...WHOAMI)))).to.deep.equal(me)

    const issued = events('token.issued')
    restoreTime = passTime((issuer.config.tokens.accessTokenSeconds + 60) * 1000)
    expect(JSON.parse(textOf(await inspect(...server(), ...WHOAMI, '--stored-auth-only')))).to.deep.equal(me)
    expect(events('token.issued')).to.equal(issued + 1)
    expect([user.visits.length, events('client.registered')]).to.deep.equal([1, 1])
  })

  it('steps up when a tool needs more than the configured scopes', async () => {
    const demo = { type: 'streamable-http', url: `${issuer.url}/demo/mcp`, oauth: { scopes: 'demo:read' } }
    const config = join(home.folder, 'servers.json')
    await writeFile(config, JSON.stringify({ mcpServers: { demo } }))
    const configured = ['--config', config, '--server', 'demo']

    const before = JSON.parse(textOf(await inspect(...configured, ...WHOAMI))) as Me
    expect(before.scopes).to.deep.equal(['demo:read'])
    expect(textOf(await inspect(...configured, ...ADD))).to.equal('42')
    expect(user.visits).to.have.length(2)
    const after = JSON.parse(textOf(await inspect(...configured, ...WHOAMI))) as Me
    expect(after).to.deep.include({ subject: before.subject, client: before.client })
    expect(after.scopes).to.have.members(['demo:read', 'demo:write'])
  })
})
