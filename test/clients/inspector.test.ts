import dc from "node:diagnostics_channel"; dc.subscribe("http.server.response.finish", (m) => { const x = m as any; console.log("REQ", x.request.method, x.request.url.slice(0,60), x.response.statusCode, x.request.headers.authorization?.slice(0,12)) })
import { createRequire } from "node:module"; const require = createRequire(import.meta.url)
import { expect } from 'chai'
import { freePort } from '../cli/support.ts'
import { passTime } from '../support/clock.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { type Command, needTool } from '../support/tools.ts'
import { Home, User } from './official.ts'
import { type Me, textOf } from './sdk.ts'

describe("the MCP Inspector's command line", function () {
  this.timeout(60_000)

  let inspector: Command
  before(function () {
    inspector = needTool(this, '@modelcontextprotocol/inspector')
  })

  let issuer: TestIssuer
  let home: Home
  let user: User
  let callback: string
  beforeEach(async () => {
    issuer = await startIssuer()
    home = await Home.open()
    user = new User(issuer.url)
    callback = `http://127.0.0.1:${await freePort()}/oauth/callback`
  })
  afterEach(async () => {
    await home.close()
    await issuer.close()
  })

  async function inspect(args: readonly string[], input = '') {
    const server = ['--transport', 'http', '--server-url', `${issuer.url}/demo/mcp`, '--callback-url', callback]
    const { code, out, err } = await home.run(
      user,
      [inspector.node, inspector.script, '--cli', ...server, '--format', 'json', ...args],
      {
        // Without a terminal the program asks for the user only when it may open a browser.
        env: { MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file', NO_COLOR: '1' },
        input,
      },
    )
    console.log(code, out, err)
    return { code, out, err }
  }

  it('x', async () => {
    await inspect(['--method', 'tools/list'])
    await inspect(['--method', 'tools/call', '--tool-name', 'whoami', '--stored-auth-only'])
    await inspect(['--method', 'tools/call', '--tool-name', 'add', '--tool-arg', 'a=20', 'b=22'], 'y\n')
    await inspect(['--method', 'tools/call', '--tool-name', 'whoami', '--relogin'])
    console.log(JSON.stringify(issuer.logged.slice(-8), null, 1), require('fs').readdirSync(home.folder,{recursive:true}))
  })
})
