import { expect } from 'chai'
import { type ResourceConfig, resourceSchema } from '../../src/config/schema.ts'
import { failures, notFound } from '../../src/http/failures.ts'
import { pinOrigin } from '../../src/http/origin.ts'
import type { Middleware } from '../../src/http/state.ts'
import { protectedResourceMetadata, wellKnownAliases } from '../../src/http/well-known.ts'
import { engine, json, memoryLog, show, start, stopAll } from './support.ts'

const OAUTH = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'
const RESOURCE = '/.well-known/oauth-protected-resource'

describe("the issuer's metadata", () => {
  afterEach(stopAll)

  async function startFor(path: string, inner = (issuer: URL): Middleware => engine(issuer)) {
    return start((port) => {
      const issuer = new URL(`http://127.0.0.1:${port}${path}`)
      return [
        failures({ log: memoryLog().log, show }),
        pinOrigin({ issuer, trustedProxies: [] }),
        wellKnownAliases({ issuer }),
        inner(issuer),
      ]
    })
  }

  const matrix: Readonly<Record<string, readonly string[]>> = {
    '': [OAUTH, OPENID],
    '/t1': [`${OAUTH}/t1`, `${OPENID}/t1`, `/t1${OPENID}`, `/t1${OAUTH}`],
    '/a/b': [`${OAUTH}/a/b`, `${OPENID}/a/b`, `/a/b${OPENID}`, `/a/b${OAUTH}`],
  }
  for (const [path, addresses] of Object.entries(matrix)) {
    for (const address of addresses.flatMap((a) => [a, `${a}/`])) {
      it(`of an issuer at "${path || '/'}" is at ${address}, without a redirect`, async () => {
        const { url } = await startFor(path)
        const answer = await fetch(url + address, { redirect: 'manual' })
        expect(answer.status).to.equal(200)
        expect(answer.headers.get('cache-control')).to.equal('public, max-age=300')
        expect(await answer.json()).to.include({ issuer: url + path, token_endpoint: `${url}${path}/token` })
      })
    }
  }

  it('is not at addresses of another issuer', async () => {
    const { url } = await startFor('/t1')
    for (const address of [`${OAUTH}/t2`, `${OAUTH}/t1/t1`, `/t2${OPENID}`]) {
      expect((await fetch(url + address)).status).to.equal(404)
    }
  })

  it('keeps the query', async () => {
    const { url } = await startFor('/t1', () => (ctx) => {
      ctx.body = ctx.url
    })
    expect(await (await fetch(`${url}${OAUTH}/t1/?a=b`)).text()).to.equal(`/t1${OAUTH}?a=b`)
  })

  it('is cached only when it was found, and only as the engine wants it', async () => {
    const failing = await startFor('', () => (ctx) => {
      ctx.status = 500
      ctx.body = {}
    })
    expect((await fetch(failing.url + OAUTH)).headers.get('cache-control')).to.equal(null)
    const strict = await startFor('', () => (ctx) => {
      ctx.set('Cache-Control', 'no-store')
      ctx.body = {}
    })
    expect((await fetch(strict.url + OAUTH)).headers.get('cache-control')).to.equal('no-store')
    const posted = await startFor('')
    expect((await fetch(posted.url + OAUTH, { method: 'POST' })).headers.get('cache-control')).to.equal(null)
  })
})

describe('protected resource metadata', () => {
  afterEach(stopAll)

  const resource = (url: string): ResourceConfig =>
    resourceSchema.parse({ resource: url, name: url, scopes: { a: 'look' }, defaultScopes: ['a'] })

  async function startWith(paths: (origin: string) => readonly string[], also: ResourceConfig[] = []) {
    let resources: readonly ResourceConfig[] = []
    const running = await start((port) => {
      const issuer = new URL(`http://127.0.0.1:${port}/t1`)
      resources = [...paths(issuer.origin).map(resource), ...also]
      const document = ({ resource: url }: ResourceConfig) => ({ resource: url })
      return [
        failures({ log: memoryLog().log, show }),
        protectedResourceMetadata({ issuer, resources: () => resources, document }),
        notFound(),
      ]
    })
    const at = async (address: string) => {
      const answer = await fetch(running.url + address, { redirect: 'manual' })
      return answer.ok ? (await json(answer)).resource : answer.status
    }
    const configure = (list: readonly ResourceConfig[]) => {
      resources = list
    }
    return { ...running, at, configure }
  }

  it('of a resource at the issuer is at the inserted address and below its host', async () => {
    const { at, url, port } = await startWith((origin) => [`${origin}/demo/mcp`])
    const expected = `${url}/demo/mcp`
    for (const address of ['/demo/mcp', '/demo/mcp/', `/127.0.0.1:${port}/demo/mcp`, `/127.0.0.1:${port}/demo/mcp/`]) {
      expect(await at(RESOURCE + address), address).to.equal(expected)
    }
  })

  it('of a resource at a root has no path', async () => {
    const { at, url, port } = await startWith((origin) => [`${origin}/`])
    for (const address of ['', '/', `/127.0.0.1:${port}`, `/127.0.0.1:${port}/`]) {
      expect(await at(RESOURCE + address), address).to.equal(`${url}/`)
    }
  })

  it('of a resource elsewhere is only below its host', async () => {
    const { at } = await startWith(() => ['https://api.example.com/mcp', 'https://api.example.com:8443/mcp'])
    expect(await at(`${RESOURCE}/api.example.com/mcp`)).to.equal('https://api.example.com/mcp')
    expect(await at(`${RESOURCE}/api.example.com:8443/mcp/`)).to.equal('https://api.example.com:8443/mcp')
    expect(await at(`${RESOURCE}/mcp`)).to.equal(404)
  })

  it('never takes one of two resources for the other because of a slash', async () => {
    const { at, url } = await startWith((origin) => [`${origin}/mcp/`, `${origin}/mcp`])
    expect(await at(`${RESOURCE}/mcp`)).to.equal(`${url}/mcp`)
    expect(await at(`${RESOURCE}/mcp/`)).to.equal(`${url}/mcp/`)
  })

  it('follows the configuration without a restart', async () => {
    const { at, configure } = await startWith(() => [])
    expect(await at(`${RESOURCE}/api.example.com/mcp`)).to.equal(404)
    configure([resource('https://api.example.com/mcp')])
    expect(await at(`${RESOURCE}/api.example.com/mcp`)).to.equal('https://api.example.com/mcp')
    configure([])
    expect(await at(`${RESOURCE}/api.example.com/mcp`)).to.equal(404)
  })

  it('is JSON that caches may keep for minutes, for GET and HEAD only', async () => {
    const { url } = await startWith((origin) => [`${origin}/mcp`])
    const got = await fetch(`${url}${RESOURCE}/mcp`)
    expect(got.headers.get('content-type')).to.contain('application/json')
    expect(got.headers.get('cache-control')).to.equal('public, max-age=300')
    expect((await fetch(`${url}${RESOURCE}/mcp`, { method: 'HEAD' })).status).to.equal(200)
    expect((await fetch(`${url}${RESOURCE}/mcp`, { method: 'POST' })).status).to.equal(404)
  })

  it('is not found for what is not configured', async () => {
    const { at } = await startWith((origin) => [`${origin}/mcp`])
    for (const address of ['', '/', '/mcp/x', '/mc', 's/mcp', '/evil.example/mcp', '/__proto__']) {
      expect(await at(RESOURCE + address), address).to.equal(404)
    }
  })
})
