import { expect } from 'chai'
import { Failure } from '../../src/errors.ts'
import { cors } from '../../src/http/cors.ts'
import { failures } from '../../src/http/failures.ts'
import { pinOrigin } from '../../src/http/origin.ts'
import type { Middleware } from '../../src/http/state.ts'
import { engine, json, memoryLog, show, start, stopAll } from './support.ts'

const ORIGIN = 'https://inspector.example'

async function startWith(path: string, inner: (issuer: URL) => Middleware) {
  const { log } = memoryLog()
  return start((port) => {
    const issuer = new URL(`http://127.0.0.1:${port}${path}`)
    return [failures({ log, show }), pinOrigin({ issuer, trustedProxies: [] }), cors({ issuer }), inner(issuer)]
  })
}

function preflight(url: string, method: string): Promise<Response> {
  return fetch(url, {
    method: 'OPTIONS',
    headers: {
      Origin: ORIGIN,
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': 'authorization,content-type,mcp-protocol-version,dpop,x-custom',
    },
  })
}

const unreachable: Middleware = (ctx) => {
  ctx.status = 500
  ctx.body = 'reached'
}

const open: readonly [string, string][] = [
  ['/.well-known/oauth-authorization-server', 'GET'],
  ['/.well-known/openid-configuration', 'GET'],
  ['/.well-known/oauth-protected-resource/mcp', 'GET'],
  ['/jwks', 'GET'],
  ['/register', 'POST'],
  ['/token', 'POST'],
  ['/revoke', 'POST'],
]

describe('CORS', () => {
  afterEach(stopAll)

  for (const [path, method] of open) {
    it(`answers the preflight of ${method} ${path} itself`, async () => {
      const { url } = await startWith('', () => unreachable)
      const { status, headers } = await preflight(url + path, method)
      expect(status).to.equal(204)
      expect(headers.get('access-control-allow-origin')).to.equal('*')
      expect(headers.get('access-control-allow-methods')).to.equal(method)
      const allowed = (headers.get('access-control-allow-headers') ?? '').toLowerCase().split(',')
      expect(allowed).to.include.members(['authorization', 'content-type', 'mcp-protocol-version', 'dpop', '*'])
      expect(headers.get('access-control-allow-credentials')).to.equal(null)
      expect(headers.get('vary')).to.equal('Origin')
    })
  }

  for (const path of ['/authorize', '/interaction/x', '/callback/entra', '/introspect', '/', '/tokens', '/token/x']) {
    it(`gives ${path} nothing`, async () => {
      const { url } = await startWith('', () => unreachable)
      const answers = [await preflight(url + path, 'POST'), await fetch(url + path, { headers: { Origin: ORIGIN } })]
      for (const { headers } of answers) {
        expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).to.deep.equal([])
        expect(headers.get('vary')).to.equal(null)
      }
    })
  }

  it('covers both places of metadata when the issuer has a path, and only the endpoints below it', async () => {
    const { url } = await startWith('/t1', () => unreachable)
    for (const path of ['/.well-known/oauth-authorization-server/t1', '/t1/.well-known/openid-configuration']) {
      expect((await preflight(url + path, 'GET')).status).to.equal(204)
    }
    expect((await preflight(`${url}/t1/token`, 'POST')).status).to.equal(204)
    expect((await preflight(`${url}/token`, 'POST')).status).to.equal(500)
  })

  it('answers OPTIONS that is no preflight without asking the engine', async () => {
    const { url } = await startWith('', () => unreachable)
    const { status, headers } = await fetch(`${url}/token`, { method: 'OPTIONS', headers: { Origin: ORIGIN } })
    expect(status).to.equal(204)
    expect(headers.get('allow')).to.equal('POST, OPTIONS')
  })

  it('is on failures too', async () => {
    const { url } = await startWith('', () => () => {
      throw new Failure('unavailable', 'x')
    })
    const { status, headers } = await fetch(`${url}/token`, { method: 'POST', headers: { Origin: ORIGIN } })
    expect(status).to.equal(503)
    expect(headers.get('access-control-allow-origin')).to.equal('*')
    expect(headers.get('access-control-expose-headers')).to.contain('Retry-After')
    expect(headers.get('vary')).to.equal('Origin, Accept')
  })

  it("replaces the engine's own policy, which would refuse the client or repeat its origin", async () => {
    const { url } = await startWith('', (issuer) => engine(issuer))
    const form = { method: 'POST', headers: { Origin: ORIGIN, 'Content-Type': 'application/x-www-form-urlencoded' } }
    const answers = {
      metadata: await fetch(`${url}/.well-known/openid-configuration`, { headers: { Origin: ORIGIN } }),
      keys: await fetch(`${url}/jwks`, { headers: { Origin: ORIGIN } }),
      refused: await fetch(`${url}/token`, { ...form, body: 'grant_type=authorization_code' }),
      known: await fetch(`${url}/token`, {
        ...form,
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: 'x',
          redirect_uri: 'https://client.example/cb',
          code_verifier: 'x'.repeat(43),
          client_id: 'known',
          client_secret: 'a secret that is long enough for the purpose',
        }).toString(),
      }),
      malformed: await fetch(`${url}/register`, {
        method: 'POST',
        headers: { Origin: ORIGIN, 'Content-Type': 'application/json' },
        body: '{',
      }),
    }
    for (const { headers } of Object.values(answers)) {
      expect(headers.get('access-control-allow-origin')).to.equal('*')
      expect(headers.get('access-control-allow-credentials')).to.equal(null)
      expect(headers.get('access-control-expose-headers')).to.contain('WWW-Authenticate')
    }
    // The engine's policy would end this with invalid_request, "origin not allowed for client".
    expect((await json(answers.known)).error).to.equal('invalid_grant')
  })
})
