import type { IncomingMessage, RequestListener } from 'node:http'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import { type Guarded, protectedResource } from '../../src/mcp/index.ts'
import { type Issuer, issuer, type Listening, listen, mint, RESOURCE } from './support.ts'

// Express comes with the first MCP SDK. It is used untyped, as an application in plain JavaScript would.
const express = createRequire(createRequire(import.meta.url).resolve('@modelcontextprotocol/sdk/server/mcp.js'))(
  'express',
)
const WELL_KNOWN = '/.well-known/oauth-protected-resource/mcp'

describe('the guard', () => {
  let as: Issuer
  let server: Listening | undefined
  let served: string[]
  before(async () => {
    as = await issuer()
  })
  after(() => as.close())
  afterEach(() => server?.close())

  const create = (more: { cors?: boolean } = {}) =>
    protectedResource({ issuer: as.url, resource: RESOURCE, jwks: as.jwks, requiredScopes: ['demo:read'], ...more })
  const answer: RequestListener = (req, res) => {
    served.push(req.url ?? '')
    res.end((req as Guarded).auth.extra.sub)
  }
  async function mount(auth = create()): Promise<string> {
    served = []
    server = await listen((req, res) => void auth.guard(req, res, () => answer(req, res)))
    return server.url
  }
  const bearer = async () => ({ authorization: `Bearer ${await mint(as)}` })

  it('lets a valid token through and puts the caller on the request', async () => {
    const response = await fetch(`${await mount()}/mcp`, { method: 'POST', headers: await bearer() })
    expect([response.status, await response.text()]).to.deep.equal([200, 'user-1'])
  })

  it('answers any other request with a challenge and never runs the server', async () => {
    const url = await mount()
    for (const [method, path] of [
      ['GET', '/mcp'],
      ['POST', '/mcp'],
      ['DELETE', '/anything'],
      ['OPTIONS', '/mcp'],
      ['GET', `${WELL_KNOWN}/x`],
      ['GET', `/x${WELL_KNOWN}`],
    ] as const) {
      const response = await fetch(url + path, { method })
      expect(response.status, `${method} ${path}`).to.equal(401)
      expect(response.headers.get('www-authenticate')).to.include(`${WELL_KNOWN}"`)
      expect(await response.json()).to.deep.equal({ error_description: 'An access token is needed.' })
    }
    expect(served).to.deep.equal([])
  })

  it('does not take a token from the query or the body', async () => {
    const { authorization } = await bearer()
    const token = authorization.slice('Bearer '.length)
    const response = await fetch(`${await mount()}/mcp?access_token=${token}`, {
      method: 'POST',
      body: new URLSearchParams({ access_token: token }),
    })
    expect(response.status).to.equal(401)
    expect(response.headers.get('www-authenticate')).to.not.include('error')
  })

  it('refuses two Authorization headers, whichever of them is valid', async () => {
    const url = await mount()
    const { authorization } = await bearer()
    for (const pair of [
      [authorization, 'Bearer other'],
      ['Bearer other', authorization],
      [authorization, authorization],
    ]) {
      const rawHeaders = ['Host', new URL(url).host, ...pair.flatMap((value) => ['Authorization', value])]
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request(`${url}/mcp`, { headers: rawHeaders }, resolve).on('error', reject).end()
      })
      expect(response.statusCode).to.equal(400)
      expect(response.headers['www-authenticate']).to.match(/^Bearer error="invalid_request"/)
      response.resume()
    }
    expect(served).to.deep.equal([])
  })

  it('publishes the metadata to pages of any origin', async () => {
    const url = (await mount()) + WELL_KNOWN
    const got = await fetch(url)
    expect(got.headers.get('content-type')).to.equal('application/json')
    expect(got.headers.get('access-control-allow-origin')).to.equal('*')
    expect(await got.json()).to.deep.equal(create().metadata)
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text()]).to.deep.equal([200, ''])
    const options = await fetch(url, { method: 'OPTIONS' })
    expect([options.status, options.headers.get('access-control-allow-methods')]).to.deep.equal([204, 'GET, HEAD'])
    const post = await fetch(url, { method: 'POST' })
    expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD, OPTIONS'])
  })

  it('lets a page of any origin send a token and read the challenge', async () => {
    const url = `${await mount()}/mcp`
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).to.equal(204)
    expect(preflight.headers.get('access-control-allow-origin')).to.equal('*')
    expect(preflight.headers.get('access-control-allow-headers')).to.include('Authorization, Content-Type')
    expect(preflight.headers.has('access-control-allow-credentials')).to.equal(false)
    const challenged = await fetch(url, { method: 'POST', headers: { origin: 'https://app.example' } })
    expect(challenged.headers.get('access-control-expose-headers')).to.include('WWW-Authenticate')
    expect(served).to.deep.equal([])
  })

  it('leaves CORS to the application when told so', async () => {
    const response = await fetch(`${await mount(create({ cors: false }))}/mcp`)
    expect(response.headers.has('access-control-allow-origin')).to.equal(false)
  })

  it('hands what it did not expect to next', async () => {
    const auth = create()
    let handed: unknown
    server = await listen((req, res) => {
      req.rawHeaders = undefined as unknown as string[]
      void auth.guard(req, res, (error) => {
        handed = error
        res.writeHead(500).end()
      })
    })
    expect((await fetch(`${server.url}/mcp`)).status).to.equal(500)
    expect(handed).to.be.instanceOf(TypeError)
  })

  it('mounts in Express with app.use', async () => {
    const auth = create()
    const app = express()
    app.use(auth.guard)
    app.post('/mcp', (req: Guarded, res: { json(value: unknown): void }) => res.json(req.auth.clientId))
    server = await listen(app)
    expect((await fetch(`${server.url}/mcp`, { method: 'POST' })).status).to.equal(401)
    expect((await fetch(server.url + WELL_KNOWN)).status).to.equal(200)
    const response = await fetch(`${server.url}/mcp`, { method: 'POST', headers: await bearer() })
    expect(await response.json()).to.equal('client-1')
  })
})
