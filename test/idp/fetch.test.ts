import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import net, { type AddressInfo, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Fetch } from '../../src/adapter.ts'
import { FetchRefused, type GuardOptions, guardedFetch, type Lookup } from '../../src/idp/fetch.ts'

const PUBLIC_ONLY: GuardOptions = { timeoutMs: 15_000, maxBytes: 65_536, allowPrivate: false }
const TRUSTING: GuardOptions = { ...PUBLIC_ONLY, allowPrivate: true }

/** Name resolution that always answers with these. */
function answering(...addresses: string[]): Lookup {
  const resolved = addresses.map((address) => ({ address, family: net.isIP(address) }))
  return (_host, done) => done(null, resolved)
}

describe('guarded fetch', () => {
  const servers: Server[] = []
  const sockets = new Set<net.Socket>()

  async function listen<S extends Server>(server: S, host = '127.0.0.1'): Promise<number> {
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    })
    server.listen(0, host)
    await once(server, 'listening')
    servers.push(server)
    return (server.address() as AddressInfo).port
  }

  const serve = async (listener: RequestListener) => `http://127.0.0.1:${await listen(createServer(listener))}`

  async function victim(host = '127.0.0.1') {
    const seen = { connections: 0 }
    const port = await listen(
      net.createServer((socket) => {
        seen.connections += 1
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      }),
      host,
    )
    return { port, seen }
  }

  async function refusal(answer: Promise<Response>): Promise<FetchRefused> {
    const outcome = await answer.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(FetchRefused)
    return outcome as FetchRefused
  }

  async function closeAll() {
    for (const socket of sockets) socket.destroy()
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))))
  }

  afterEach(closeAll)

  describe('for hosts that must be public', () => {
    for (const host of [
      '127.0.0.1',
      '127.1',
      '0x7f000001',
      '2130706433',
      '0177.0.0.1',
      '0.0.0.0',
      'localhost',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[64:ff9b::127.0.0.1]',
      '[2002:7f00:1::]',
    ]) {
      it(`makes no connection to ${host}`, async () => {
        const { port, seen } = await victim()
        const { reason } = await refusal(guardedFetch(PUBLIC_ONLY)(`https://${host}:${port}/`))
        expect(reason).to.equal('address')
        expect(seen.connections).to.equal(0)
      })
    }

    for (const [words, addresses] of [
      ['a private address', ['127.0.0.1']],
      ['a private address among public ones', ['8.8.8.8', '127.0.0.1']],
      ['an IPv4-mapped address', ['::ffff:127.0.0.1']],
      ['a NAT64 address', ['64:ff9b::7f00:1']],
    ] as const) {
      it(`makes no connection when a name resolves to ${words}`, async () => {
        const { port, seen } = await victim()
        const lookup = answering(...addresses)
        const { reason } = await refusal(guardedFetch({ ...PUBLIC_ONLY, lookup })(`https://evil.test:${port}/`))
        expect(reason).to.equal('address')
        expect(seen.connections).to.equal(0)
      })
    }

    it('judges the very answer it would connect to, so that a name cannot change in between', async () => {
      const { port, seen } = await victim()
      const answers = ['127.0.0.1', '8.8.8.8']
      const lookup: Lookup = (_host, done) => done(null, [{ address: answers.shift() ?? '127.0.0.1', family: 4 }])
      const { reason } = await refusal(guardedFetch({ ...PUBLIC_ONLY, lookup })(`https://rebind.test:${port}/`))
      expect(reason).to.equal('address')
      expect(answers).to.deep.equal(['8.8.8.8'])
      expect(seen.connections).to.equal(0)
    })

    it('refuses plain http before looking anything up', async () => {
      const lookup: Lookup = () => {
        throw new Error('nobody may ask')
      }
      const { reason } = await refusal(guardedFetch({ ...PUBLIC_ONLY, lookup })('http://client.test/'))
      expect(reason).to.equal('protocol')
    })

    it('reaches a private host that is on the list, and no other', async () => {
      const { port, seen } = await victim()
      const fetch = guardedFetch({ ...PUBLIC_ONLY, allowPrivate: (host) => host === '127.0.0.1' })
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).to.equal(200)
      expect((await refusal(fetch(`https://localhost:${port}/`))).reason).to.equal('address')
      expect(seen.connections).to.equal(1)
    })

    it('connects to the address that the name resolved to', async () => {
      const { port, seen } = await victim()
      await guardedFetch({ ...TRUSTING, lookup: answering('127.0.0.1') })(`http://idp.test:${port}/`)
      expect(seen.connections).to.equal(1)
    })
  })

  it('treats a redirect as an error and never follows it', async () => {
    const { port, seen } = await victim()
    const origin = await serve((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end(),
    )
    expect((await refusal(guardedFetch(TRUSTING)(origin))).reason).to.equal('redirect')
    expect(seen.connections).to.equal(0)
  })

  it('gives up on a body that drips', async () => {
    const origin = await serve((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 10)
      response.on('close', () => clearInterval(timer))
    })
    expect((await refusal(guardedFetch({ ...TRUSTING, timeoutMs: 150 })(origin))).reason).to.equal('timeout')
  })

  it('gives up on a server that never answers', async () => {
    const port = await listen(net.createServer())
    const answer = guardedFetch({ ...TRUSTING, timeoutMs: 150 })(`http://127.0.0.1:${port}/`)
    expect((await refusal(answer)).reason).to.equal('timeout')
  })

  it('hangs up on a body that does not end', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const origin = await serve((_, response) => {
      closed = once(response, 'close')
      const more = () => {
        while (response.write(Buffer.alloc(16_384)) && !response.destroyed);
      }
      response.on('drain', more)
      more()
    })
    expect((await refusal(guardedFetch(TRUSTING)(origin))).reason).to.equal('size')
    await closed
  })

  it('counts the decoded bytes of a compressed body', async () => {
    const bomb = gzipSync(Buffer.alloc(8_000_000))
    expect(bomb.byteLength).to.be.below(TRUSTING.maxBytes)
    const origin = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
    expect((await refusal(guardedFetch(TRUSTING)(origin))).reason).to.equal('size')
  })

  it('hangs up on headers that do not end', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const server = net.createServer((socket) => {
      closed = new Promise((done) => socket.on('close', done))
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write(`x-${'y'.repeat(4_000)}: z\r\n`), 1)
      socket.on('close', () => clearInterval(timer))
    })
    const { reason } = await refusal(guardedFetch(TRUSTING)(`http://127.0.0.1:${await listen(server)}/`))
    expect(reason).to.equal('network')
    await closed
  })

  it('stops when its caller does', async () => {
    const port = await listen(net.createServer())
    const caller = new AbortController()
    const fetch = guardedFetch({ ...TRUSTING, timeoutMs: 600_000 })
    const answer = fetch(`http://127.0.0.1:${port}/`, { signal: caller.signal })
    caller.abort()
    expect((await refusal(answer)).reason).to.equal('timeout')
  })

  it('answers with a complete Response of the platform, decoded', async () => {
    const origin = await serve((_, response) => {
      response.setHeader('content-type', 'application/json').setHeader('content-encoding', 'gzip')
      response.end(gzipSync('{"ok":true}'))
    })
    const response = await guardedFetch(TRUSTING)(origin)
    expect(response).to.be.instanceOf(Response)
    expect(response.headers.get('content-type')).to.equal('application/json')
    expect(response.headers.has('content-encoding')).to.equal(false)
    expect(response.headers.has('content-length')).to.equal(false)
    expect(await response.json()).to.deep.equal({ ok: true })
  })

  it('passes on a status that is no success', async () => {
    const origin = await serve((_, response) => response.writeHead(503).end())
    expect((await guardedFetch(TRUSTING)(origin)).status).to.equal(503)
    const empty = await serve((_, response) => response.writeHead(204).end())
    expect((await guardedFetch(TRUSTING)(empty)).status).to.equal(204)
  })

  it('sends what an adapter or oidc-provider gives it', async () => {
    const seen: unknown[] = []
    const origin = await serve(async (request, response) => {
      const body = (await request.toArray()).join('')
      seen.push([request.method, request.headers['content-type'], request.headers['x-test'], body])
      response.end()
    })
    const fetch: Fetch = guardedFetch(TRUSTING)
    await fetch(origin, { method: 'POST', headers: { 'x-test': 'a' }, body: new URLSearchParams({ code: '1' }) })
    await guardedFetch(TRUSTING)(origin, { method: 'GET', headers: new Headers({ 'x-test': 'b' }) })
    expect(seen).to.deep.equal([
      ['POST', 'application/x-www-form-urlencoded;charset=UTF-8', 'a', 'code=1'],
      ['GET', undefined, 'b', ''],
    ])
  })

  it('says why a server cannot be reached', async () => {
    const port = await listen(net.createServer())
    await closeAll()
    const { reason, message } = await refusal(guardedFetch(TRUSTING)(`http://127.0.0.1:${port}/`))
    expect(reason).to.equal('network')
    expect(message).to.contain('ECONNREFUSED')
  })

  it('names the origin only in its errors', async () => {
    const { port } = await victim()
    const { message } = await refusal(guardedFetch(PUBLIC_ONLY)(`https://127.0.0.1:${port}/secret-path?code=secret`))
    expect(message).not.to.contain('secret')
  })
})
