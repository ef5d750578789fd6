import { expect } from 'chai'
import { sound } from '../config/support.ts'
import { freePort, Workplace } from './support.ts'

/** Makes every package of the MCP SDK, `open` and what else a command need not load impossible to import. */
function without(pattern: string): string {
  const refuse = `export const resolve = (specifier, context, next) => {
    if (/${pattern}/.test(specifier)) throw new Error('not to be loaded: ' + specifier)
    return next(specifier, context)
  }`
  const hook = `data:text/javascript,${encodeURIComponent(refuse)}`
  return `import { register } from 'node:module'\nregister(${JSON.stringify(hook)})\n`
}

describe('a command loads only what it works with:', function () {
  this.timeout(60_000)
  let at: Workplace
  beforeEach(async () => {
    at = await Workplace.open()
    await at.write('consulate.yaml', { ...sound(), listen: { port: 0 } })
  })
  afterEach(() => at.close())

  async function env(pattern: string): Promise<Record<string, string>> {
    await at.write('without.mjs', without(pattern))
    return { NODE_OPTIONS: `--import=${at.folder}/without.mjs` }
  }

  it('--version neither the MCP SDK, nor the server, nor the configuration', async () => {
    const { code, err } = await at.run(['--version'], await env('modelcontextprotocol|^(koa|zod|yaml|pino|open)'))
    expect(err).to.equal('')
    expect(code).to.equal(0)
  })

  it('check neither the MCP SDK nor the server', async () => {
    const { code, err } = await at.run(['check'], await env('modelcontextprotocol|^(koa|pino|oidc-provider|libsql)'))
    expect(err).to.equal('')
    expect(code).to.equal(0)
  })

  it('serve no MCP SDK', async () => {
    const program = at.start(['serve'], await env('modelcontextprotocol'))
    await program.saysOnError('Press Ctrl-C to stop.')
    program.signal('SIGTERM')
    expect((await program.ended).code).to.equal(0)
  })

  it('demo the MCP SDK, so that this test would see it elsewhere', async () => {
    const url = `http://localhost:${await freePort()}/mcp`
    const start = at.start(['serve', '--port', new URL(url).port], {})
    await start.saysOnError('Press Ctrl-C to stop.')
    const { code, err } = await at.run(['demo', '--auto', '--url', url], await env('modelcontextprotocol'))
    expect(code).to.equal(1)
    expect(err).to.contain('not to be loaded: @modelcontextprotocol/')
  })
})
