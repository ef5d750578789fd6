/**
 * The official conformance suite against a started issuer. It also ends with 0 when it skipped everything, so what counts
 * is the status of each check in its results.
 */
import { readdir, readFile } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect } from 'chai'
import { z } from 'zod'
import { freePort } from '../cli/support.ts'
import { type Registered, register } from '../support/client.ts'
import { listen, startIssuer, type TestIssuer, type TestOptions } from '../support/issuer.ts'
import { type Command, needTool } from '../support/tools.ts'
import { Home, User } from './official.ts'

const PASSED = {
  'authorization-server-metadata': 'SUCCESS',
  'authorization-server-metadata-cimd': 'SUCCESS',
  'authorization-code-grant': 'SUCCESS',
}

const checksSchema = z.array(z.looseObject({ id: z.string(), status: z.string(), errorMessage: z.string().optional() }))

describe('the MCP conformance suite for authorization servers', function () {
  this.timeout(60_000)

  let suite: Command
  before(function () {
    suite = needTool(this, '@modelcontextprotocol/conformance')
  })

  let issuer: TestIssuer
  let home: Home
  let port: number
  beforeEach(async () => {
    home = await Home.open()
    port = await freePort()
  })
  afterEach(async () => {
    await home.close()
    await issuer.close()
  })

  const start = async (options?: TestOptions) => {
    issuer = await startIssuer(options)
  }
  const registered = (url: string, method: string) =>
    register(url, { redirect_uris: [`http://127.0.0.1:${port}/callback`], token_endpoint_auth_method: method })

  /** The status of each check by its name, with the reason when it did not pass. */
  async function check(url: string, client: Registered): Promise<Record<string, string>> {
    const user = new User(url)
    const results = join(home.folder, 'results')
    const secret = client.client_secret ? ['--client-secret', client.client_secret] : []
    const args = ['--url', url, '--resource', `${url}/demo/mcp`, '--client-id', client.client_id, ...secret]
    await home.run(user, [suite.node, suite.script, 'authorization', ...args, '-p', String(port), '-o', results])
    expect(user.visits).to.have.length(1)
    const statuses: Record<string, string> = {}
    for (const scenario of await readdir(results)) {
      const checks = checksSchema.parse(JSON.parse(await readFile(join(results, scenario, 'checks.json'), 'utf8')))
      for (const { id, status, errorMessage } of checks) {
        statuses[id] = status === 'SUCCESS' ? status : `${status}: ${errorMessage}`
      }
    }
    return statuses
  }

  it('passes every check for a public client that registered itself', async () => {
    await start()
    expect(await check(issuer.url, await registered(issuer.url, 'none'))).to.deep.equal(PASSED)
  })

  it('passes every check for an issuer with a path', async () => {
    await start({ path: '/t1' })
    expect(await check(issuer.url, await registered(issuer.url, 'none'))).to.deep.equal(PASSED)
  })

  it('passes every check for a confidential client, where the metadata does not offer to leave the secret out', async () => {
    const front = createServer()
    try {
      const url = `http://localhost:${await listen(front)}`
      await start({
        config: ({ resources, ...defaults }) => ({
          ...defaults,
          issuer: url,
          resources: resources.map((resource) => ({ ...resource, resource: `${url}/demo/mcp` })),
        }),
      })
      hideNone(front, new URL(issuer.url).port)
      const client = await registered(url, 'client_secret_post')
      expect(client.client_secret).to.be.a('string')
      expect(await check(url, client)).to.deep.equal(PASSED)
    } finally {
      front.closeAllConnections()
      front.close()
    }
  })
})

/**
 * Stands before an issuer and leaves the method `none` out of its metadata. Where it is listed, the suite never sends the
 * secret it was given, and a confidential client is then refused, as it must be.
 */
function hideNone(front: Server, port: string): void {
  front.on('request', (req, res) => {
    const { url = '/', method = 'GET', headers } = req
    const hop = request({ host: 'localhost', port, path: url, method, headers }, async (answer) => {
      if (!url.startsWith('/.well-known/')) {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
        return
      }
      const document = metadataSchema.parse(await json(answer))
      const methods = document.token_endpoint_auth_methods_supported.filter((name) => name !== 'none')
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ ...document, token_endpoint_auth_methods_supported: methods }))
    })
    hop.once('error', () => res.destroy())
    req.pipe(hop)
  })
}

const metadataSchema = z.looseObject({ token_endpoint_auth_methods_supported: z.array(z.string()) })
