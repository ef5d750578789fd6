import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import { failures } from '../../src/http/failures.ts'
import { limitTarget, type RateLimitOptions, rateLimit, SERVER_OPTIONS } from '../../src/http/limits.ts'
import { pinOrigin } from '../../src/http/origin.ts'
import { onPaths } from '../../src/http/paths.ts'
import { echo, json, memoryLog, raw, request, show, start, stopAll } from './support.ts'

async function startLimited(options: Omit<RateLimitOptions, 'name'>) {
  const { lines, log } = memoryLog()
  const running = await start((port) => [
    failures({ log, show }),
    pinOrigin({ issuer: new URL(`http://127.0.0.1:${port}`), trustedProxies: ['127.0.0.1'] }),
    onPaths(['/token'], rateLimit({ name: 'token', ...options })),
    echo,
  ])
  const from = async (address: string, path = '/token', method = 'POST') =>
    fetch(running.url + path, { method, headers: { 'X-Forwarded-For': address } })
  return { lines, from }
}

describe('the rate limit', () => {
  afterEach(stopAll)

  it('refuses an address beyond its number, says when to come back, and leaves others alone', async () => {
    const { from, lines } = await startLimited({ perMinute: 2 })
    const statuses = []
    for (let i = 0; i < 4; i += 1) statuses.push((await from('203.0.113.1')).status)
    expect(statuses).to.deep.equal([200, 200, 429, 429])

    const refused = await from('203.0.113.1')
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60)
    expect((await json(refused)).error).to.equal('temporarily_unavailable')
    expect(lines[0]).to.include({ code: 'too_many_requests', level: 'warn' })
    expect((await from('203.0.113.2')).status).to.equal(200)
  })

  it('counts IPv6 addresses by /64', async () => {
    const { from } = await startLimited({ perMinute: 2 })
    await from('2001:db8:0:1::1')
    await from('2001:db8:0:1:ffff::2')
    expect((await from('2001:db8:0:1:abcd:abcd:abcd:abcd')).status).to.equal(429)
    expect((await from('2001:db8:0:2::1')).status).to.equal(200)
  })

  it('counts an IPv4 address and its IPv6-mapped form as one', async () => {
    const { from } = await startLimited({ perMinute: 1 })
    await from('203.0.113.1')
    expect((await from('::ffff:203.0.113.1')).status).to.equal(429)
    expect((await from('::ffff:203.0.113.2')).status).to.equal(200)
  })

  it('counts only the methods it was made for', async () => {
    const { from } = await startLimited({ perMinute: 1, methods: ['POST'] })
    await from('203.0.113.1')
    expect((await from('203.0.113.1', '/token', 'GET')).status).to.equal(200)
    expect((await from('203.0.113.1')).status).to.equal(429)
  })

  it('is not evaded by letter case or a trailing slash, which the engine ignores', async () => {
    const { from } = await startLimited({ perMinute: 1 })
    await from('203.0.113.1')
    expect((await from('203.0.113.1', '/TOKEN')).status).to.equal(429)
    expect((await from('203.0.113.1', '/token/')).status).to.equal(429)
    expect((await from('203.0.113.1', '/tokens')).status).to.equal(200)
  })

  it('counts separately from other limits', async () => {
    const { log } = memoryLog()
    const { url } = await start((port) => [
      failures({ log, show }),
      pinOrigin({ issuer: new URL(`http://127.0.0.1:${port}`), trustedProxies: [] }),
      onPaths(['/a'], rateLimit({ name: 'a', perMinute: 1 })),
      onPaths(['/b'], rateLimit({ name: 'b', perMinute: 1 })),
      echo,
    ])
    await fetch(`${url}/a`)
    expect((await fetch(`${url}/a`)).status).to.equal(429)
    expect((await fetch(`${url}/b`)).status).to.equal(200)
  })
})

describe('the limit of the request line and the headers', () => {
  afterEach(stopAll)

  const stack = () => [failures({ log: memoryLog().log, show }), limitTarget(), echo]

  it('is 8 KB of path and query', async () => {
    const { port } = await start(stack)
    const at = await raw(port, request(`GET /?${'a'.repeat(8190)} HTTP/1.1`, 'Host: x'))
    const above = await raw(port, request(`GET /?${'a'.repeat(8191)} HTTP/1.1`, 'Host: x'))
    expect([at.status, above.status]).to.deep.equal([200, 400])
  })

  it('answers 64 KB of address with 431 and goes on', async () => {
    const { port } = await start(stack)
    expect((await raw(port, request(`GET /${'a'.repeat(65_536)} HTTP/1.1`, 'Host: x'))).status).to.equal(431)
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: x'))).status).to.equal(200)
  })

  it('refuses more than 100 header fields instead of dropping the last', async () => {
    const { port } = await start(stack)
    const fields = (count: number) => Array.from({ length: count }, (_, i) => `x-${i}: 1`)
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: x', ...fields(98)))).status).to.equal(200)
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: x', ...fields(99)))).status).to.equal(400)
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: x', ...new Array(2100).fill('a:1')))).status).to.equal(400)
  })
})

describe('the hardened server', () => {
  afterEach(stopAll)

  it('looks for late requests more often than they may be late', () => {
    expect(SERVER_OPTIONS.connectionsCheckingInterval).to.be.below(10_000)
  })

  it('has the limits of time and number set', async () => {
    const { server } = await start(() => [echo])
    expect(server).to.include({
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 5000,
      maxHeadersCount: 0,
      maxRequestsPerSocket: 1000,
      maxConnections: 10_000,
    })
  })

  const malformed: readonly [string, string][] = [
    ['what is not HTTP', 'GARBAGE\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a length beside chunks', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a header with NUL', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n'],
  ]
  for (const [title, text] of malformed) {
    it(`answers ${title} with 400 and goes on`, async () => {
      const { port } = await start(() => [echo])
      expect((await raw(port, text)).status).to.equal(400)
      expect((await raw(port, request('GET / HTTP/1.1', 'Host: x'))).status).to.equal(200)
    })
  }

  it('answers a request that does not come to its end with 408', async () => {
    const { port, server } = await start(() => [echo], { connectionsCheckingInterval: 20 })
    server.headersTimeout = 20
    expect((await raw(port, 'GET / HTTP/1.1\r\nHost:')).status).to.equal(408)
  })

  it('writes nothing into an answer that has begun', async () => {
    const { port } = await start(() => [
      async (ctx) => {
        ctx.respond = false
        ctx.res.writeHead(200)
        ctx.res.write('begun')
      },
    ])
    const { text } = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'GARBAGE\r\n\r\n')
    expect(text.match(/HTTP\/1\.1/g) ?? []).to.have.lengthOf.at.most(1)
    expect(text).not.to.contain('400')
  })

  it('survives clients that hang up at any point', async () => {
    const { port } = await start(() => [echo])
    for (const text of [
      '',
      'GET',
      'GET / HTTP/1.1\r\nHost: x\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab',
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(text)
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: x'))).status).to.equal(200)
  })
})
