import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect } from 'chai'
import { Browser, walk } from '../../src/demo/driver.ts'
import { type JourneyOptions, playJourney, STEPS } from '../../src/demo/journey.ts'
import { type Listening, listen } from '../mcp/support.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('the demo command', function () {
  this.timeout(60_000)

  let child: ChildProcess | undefined
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'consulate-test-'))
  })
  afterEach(async () => {
    if (child?.exitCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  /** `npm run demo -- <args>` without npm. A line that `onLine` is given may still be followed by others. */
  async function demo(args: readonly string[], onLine: (line: string) => void = () => {}) {
    const spawned = spawn(process.execPath, ['--import', 'tsx', 'src/cli/index.ts', 'demo', ...args], {
      cwd: ROOT,
      // The data folder of the demo lies here, and no browser is opened on the machine that runs the tests.
      env: { ...process.env, TMPDIR: folder, BROWSER: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = spawned
    let out = ''
    let err = ''
    spawned.stdout.setEncoding('utf8').on('data', (text: string) => {
      const before = out.lastIndexOf('\n') + 1
      out += text
      for (const line of out.slice(before).split('\n').slice(0, -1)) onLine(line)
    })
    spawned.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const [code] = await once(spawned, 'close')
    // On Node 20 oidc-provider prefers a newer runtime and says so.
    const errors = err.split('\n').filter((line) => line && !line.startsWith('oidc-provider'))
    return { code, out, errors }
  }

  it('starts an issuer, plays every step without a person and leaves nothing behind', async () => {
    const { code, out, errors } = await demo(['--start', '--auto', '--persona', 'ada'])
    expect(errors).to.deep.equal([])
    expect(code).to.equal(0)
    const parts = new Map(
      out
        .split(/^(?=\d\. )/m)
        .slice(1)
        .map((part) => [part.slice(3, part.indexOf('\n')), part]),
    )
    expect([...parts.keys()]).to.deep.equal(STEPS)
    const expected: Record<(typeof STEPS)[number], RegExp[]> = {
      Discovery: [
        /< 401 /,
        /WWW-Authenticate: Bearer scope="demo:read"/,
        /oauth-protected-resource\/demo\/mcp/,
        /issuer: /,
      ],
      Registration: [/> POST \S+\/register/, /< 201 /, /client_id: /],
      'Sign-in and consent': [
        /code_challenge_method: S256/,
        /pressed decision approve/,
        /pressed persona ada/,
        /iss: /,
      ],
      Tokens: [/code_verifier: .{6}\.\.\./, /access_token: .{6}\.\.\.\n/, /aud: \S+\/demo\/mcp/, /scope: demo:read\n/],
      'Tool call': [/name: whoami/, /< 200 /, /"client":/],
      Refresh: [/grant_type: refresh_token/, /< 200 /],
      'Step-up': [/name: add/, /< 403 /, /error="insufficient_scope"/, /scope="demo:read demo:write"/, /content: 42/],
      Revocation: [/> POST \S+\/revoke/, /< 200 /, /< 400 /, /error: invalid_grant/],
    }
    for (const [step, patterns] of Object.entries(expected)) {
      for (const pattern of patterns) expect(parts.get(step), step).to.match(pattern)
    }
    expect(out).to.not.match(/eyJ[\w-]{20,}\./)
    expect(await readFolder(folder)).to.deep.equal([])
  })

  it('prints the address for a person and waits until it has been visited', async () => {
    const visits: Promise<unknown>[] = []
    const { code, out } = await demo(['--start'], (line) => {
      if (/^ {2}http\S+\/authorize\?/.test(line)) visits.push(walk(new Browser(), line.trim()))
    })
    await Promise.all(visits)
    expect([code, visits.length]).to.deep.equal([0, 2])
    expect(out).to.include('Every step did what it should.')
  })

  it('ends with one sentence when nothing answers', async () => {
    const gone = await listen(() => {})
    await gone.close()
    const { code, errors } = await demo(['--auto', '--url', `${gone.url}/demo/mcp`])
    expect([code, errors]).to.deep.equal([1, [`consulate: Nothing answers at ${gone.url}/demo/mcp.`]])
  })

  it('ends with one sentence that names the step when a step fails', async () => {
    const { code, out, errors } = await demo(['--start', '--auto', '--persona', 'nobody'])
    expect(code).to.equal(1)
    expect(errors).to.have.length(1)
    expect(errors[0]).to.match(/^consulate: Step 3 \(Sign-in and consent\) failed: .* does not offer persona nobody/)
    expect(out).to.not.include('4. Tokens')
    expect(await readFolder(folder)).to.deep.equal([])
  })

  it('takes a URL that is none, or one beside --start, for a mistake', async () => {
    expect((await demo(['--url', 'demo'])).code).to.equal(1)
    expect((await demo(['--url', 'http://localhost/', '--start'])).code).to.equal(2)
  })
})

describe('the journey', () => {
  let server: Listening | undefined
  afterEach(() => server?.close())

  const play = (url: string, options: Partial<JourneyOptions> = {}) =>
    playJourney({ url: new URL(url), print: () => {}, signIn: async () => {}, patienceSeconds: 1, ...options }).then(
      () => 'played',
      (error: Error) => error.message,
    )

  it('does not take a server for protected that answers everyone', async () => {
    const handler = createMcpHandler(
      () => new McpServer({ name: 'open', version: '1' }, { capabilities: { tools: {} } }),
    )
    const serve = toNodeHandler(handler)
    server = await listen((req, res) => void serve(req as Parameters<typeof serve>[0], res))
    expect(await play(`${server.url}/mcp`)).to.equal('Step 1 (Discovery) failed: the server answered without a 401')
  })

  it('ends at registration when the issuer registers nobody', async () => {
    server = await listen((req, res) => {
      const url = `http://${req.headers.host}`
      const documents: Record<string, object> = {
        '/.well-known/oauth-protected-resource/mcp': { resource: `${url}/mcp`, authorization_servers: [url] },
        '/.well-known/oauth-authorization-server': {
          issuer: url,
          authorization_endpoint: `${url}/authorize`,
          token_endpoint: `${url}/token`,
          registration_endpoint: `${url}/register`,
          response_types_supported: ['code'],
          code_challenge_methods_supported: ['S256'],
        },
        '/register': { error: 'invalid_client_metadata', error_description: 'nobody is welcome' },
      }
      const document = documents[req.url ?? '']
      const metadata = `Bearer resource_metadata="${url}/.well-known/oauth-protected-resource/mcp"`
      const headers = { 'content-type': 'application/json' }
      if (!document) res.writeHead(401, { 'www-authenticate': metadata }).end()
      else res.writeHead(req.method === 'POST' ? 400 : 200, headers).end(JSON.stringify(document))
    })
    expect(await play(`${server.url}/mcp`)).to.match(/^Step 2 \(Registration\) failed: .*nobody is welcome/)
  })
})

async function readFolder(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('consulate-demo-'))
}
