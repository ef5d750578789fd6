import { expect } from 'chai'
import { failures } from '../../src/http/failures.ts'
import { pinOrigin } from '../../src/http/origin.ts'
import { echo, engine, memoryLog, raw, request, show, start, stopAll } from './support.ts'

const ISSUER = new URL('https://issuer.example')

async function startFor(issuer: (port: number) => URL, trustedProxies: readonly string[] = []) {
  const { lines, log } = memoryLog()
  const running = await start((port) => [
    failures({ log, show }),
    pinOrigin({ issuer: issuer(port), trustedProxies }),
    echo,
  ])
  return { ...running, lines }
}

describe('the host pin', () => {
  afterEach(stopAll)

  const accepted = ['issuer.example', 'ISSUER.example', 'issuer.example:443']
  for (const host of accepted) {
    it(`answers to ${host}`, async () => {
      const { port } = await startFor(() => ISSUER)
      const { status, body } = await raw(port, request('GET /a?b=c HTTP/1.1', `Host: ${host}`))
      expect(status).to.equal(200)
      expect(JSON.parse(body)).to.deep.include({ url: '/a?b=c' })
      expect(JSON.parse(body).headers.host).to.equal('issuer.example')
    })
  }

  const refused = [
    'evil.example',
    'issuer.example.evil.example',
    'issuer.example:80',
    'issuer.example:4430',
    'issuer.example.',
    'user@issuer.example',
    'issuer.example@evil.example',
    'issuer.example evil.example',
    'issuer.example,evil.example',
    'issuer.example/evil',
    '[::1',
    'é',
    '',
  ]
  for (const host of refused) {
    it(`refuses the host "${host}" with 421`, async () => {
      const { port, lines } = await startFor(() => ISSUER)
      const { status } = await raw(port, request('GET / HTTP/1.1', `Host: ${host}`))
      expect(status).to.equal(421)
      expect(lines).to.have.lengthOf(1)
      expect(lines[0]).to.include({ code: 'misdirected', level: 'warn' })
    })
  }

  it('refuses a second Host header, whichever of the two is right', async () => {
    const { port } = await startFor(() => ISSUER)
    const first = await raw(port, request('GET / HTTP/1.1', 'Host: issuer.example', 'Host: evil.example'))
    const second = await raw(port, request('GET / HTTP/1.1', 'Host: evil.example', 'Host: issuer.example'))
    const both = await raw(port, request('GET / HTTP/1.1', 'Host: issuer.example', 'Host: issuer.example'))
    expect([first.status, second.status, both.status]).to.deep.equal([421, 421, 421])
  })

  it('refuses a request without a Host header', async () => {
    const { port } = await startFor(() => ISSUER)
    expect((await raw(port, request('GET / HTTP/1.0'))).status).to.equal(421)
    expect((await raw(port, request('GET / HTTP/1.1'))).status).to.equal(400)
  })

  it('takes a port that belongs to the issuer', async () => {
    const { port } = await startFor(() => new URL('https://issuer.example:8443'))
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: issuer.example:8443'))).status).to.equal(200)
    expect((await raw(port, request('GET / HTTP/1.1', 'Host: issuer.example'))).status).to.equal(421)
  })

  it('names the right address when a loopback issuer is opened under another loopback name', async () => {
    const { port, lines } = await startFor((p) => new URL(`http://localhost:${p}`))
    for (const host of [`127.0.0.1:${port}`, `[::1]:${port}`]) {
      const { status, text } = await raw(port, request('GET / HTTP/1.1', `Host: ${host}`, 'Accept: text/html'))
      expect(status).to.equal(421)
      expect(text).to.contain('<p>failure</p>')
      expect(JSON.stringify(lines.pop())).to.contain(`open http://localhost:${port}`)
    }
    await raw(port, request('GET / HTTP/1.1', 'Host: 127.0.0.1:1'))
    expect(JSON.stringify(lines.pop())).not.to.contain('open http://')
    expect((await raw(port, request('GET / HTTP/1.1', `Host: localhost:${port}`))).status).to.equal(200)
  })

  it('lets health probes in under any host', async () => {
    const { port } = await startFor(() => ISSUER)
    expect((await raw(port, request('GET /healthz HTTP/1.1', 'Host: 10.1.2.3:3000'))).status).to.equal(200)
    expect((await raw(port, request('GET /healthz HTTP/1.0'))).status).to.equal(200)
    expect((await raw(port, request('GET /healthz/x HTTP/1.1', 'Host: 10.1.2.3:3000'))).status).to.equal(421)
  })
})

describe('the request target', () => {
  afterEach(stopAll)

  it('is brought from absolute to origin form when it names the issuer', async () => {
    const { port } = await startFor(() => ISSUER)
    const { status, body } = await raw(
      port,
      request('GET https://issuer.example/a?b=c HTTP/1.1', 'Host: issuer.example'),
    )
    expect(status).to.equal(200)
    expect(JSON.parse(body)).to.include({ url: '/a?b=c', href: 'https://issuer.example/a?b=c' })
  })

  const targets: readonly [string, number][] = [
    ['http://evil.example/', 421],
    ['HTTPS://EVIL.example/', 421],
    ['https://user:word@issuer.example/', 400],
    ['https://issuer.example@evil.example/', 400],
    ['ftp://issuer.example/', 400],
    ['*', 400],
    ['/a#b', 400],
    ['/\\evil.example/', 400],
  ]
  for (const [target, status] of targets) {
    it(`is refused as ${target}`, async () => {
      const { port } = await startFor(() => ISSUER)
      const answer = await raw(port, request(`GET ${target} HTTP/1.1`, 'Host: issuer.example'))
      expect(answer.status).to.equal(status)
    })
  }

  it('keeps one of several leading slashes, so that it cannot be read as another host', async () => {
    const { port } = await startFor(() => ISSUER)
    const { body } = await raw(port, request('GET //evil.example/x HTTP/1.1', 'Host: issuer.example'))
    expect(JSON.parse(body)).to.include({ url: '/evil.example/x' })
  })

  it('keeps a backslash in the query, where browsers leave it', async () => {
    const { port } = await startFor(() => ISSUER)
    const { body } = await raw(port, request('GET /a?state=x\\y HTTP/1.1', 'Host: issuer.example'))
    expect(JSON.parse(body)).to.include({ url: '/a?state=x\\y' })
  })
})

describe('the client address', () => {
  afterEach(stopAll)

  async function addressOf(trusted: readonly string[], ...forwardedFor: readonly string[]): Promise<string> {
    const { port } = await startFor(() => ISSUER, trusted)
    const lines = forwardedFor.map((value) => `X-Forwarded-For: ${value}`)
    const { status, body } = await raw(port, request('GET / HTTP/1.1', 'Host: issuer.example', ...lines))
    expect(status).to.equal(200)
    const answer = JSON.parse(body)
    expect(answer.headers['x-forwarded-for']).to.equal(answer.address)
    return answer.address
  }

  it('is the peer when no proxy is trusted', async () => {
    expect(await addressOf([], '203.0.113.9')).to.equal('127.0.0.1')
    expect(await addressOf(['10.0.0.0/8', 'fd00::/8'], '203.0.113.9')).to.equal('127.0.0.1')
  })

  it('is what a trusted proxy appended', async () => {
    expect(await addressOf(['127.0.0.1'], '203.0.113.9')).to.equal('203.0.113.9')
    expect(await addressOf(['127.0.0.0/8'], '198.51.100.1, 203.0.113.9')).to.equal('203.0.113.9')
  })

  it('is the right-most stranger, past further trusted proxies', async () => {
    const trusted = ['127.0.0.0/8', '10.0.0.0/8', '2001:db8:1::/48']
    expect(await addressOf(trusted, '198.51.100.1, 203.0.113.9, 10.1.1.1')).to.equal('203.0.113.9')
    expect(await addressOf(trusted, '198.51.100.1', '203.0.113.9, 2001:db8:1::5')).to.equal('203.0.113.9')
    expect(await addressOf(trusted, '10.2.2.2, 10.1.1.1')).to.equal('10.2.2.2')
  })

  it('is read with a port, in brackets, and mapped', async () => {
    expect(await addressOf(['127.0.0.1'], '203.0.113.9:4711')).to.equal('203.0.113.9')
    expect(await addressOf(['127.0.0.1'], '[2001:db8::9]:4711')).to.equal('2001:db8::9')
    expect(await addressOf(['127.0.0.1'], '::ffff:203.0.113.9')).to.equal('203.0.113.9')
  })

  for (const junk of [
    '',
    ',',
    'unknown',
    '203.0.113.9, junk',
    '010.1.1.1',
    '999.1.1.1',
    '[::1',
    '%',
    '::1%',
    '"'.repeat(3000),
  ]) {
    it(`stays the last known one behind the malformed entry ${JSON.stringify(junk.slice(0, 30))}`, async () => {
      const address = await addressOf(['127.0.0.1'], junk)
      expect(address).to.equal(junk === '::1%' ? '::1' : '127.0.0.1')
    })
  }

  it('comes with every forwarding header replaced, in the raw list as well', async () => {
    const { port } = await startFor(() => ISSUER, ['127.0.0.1'])
    const { body } = await raw(
      port,
      request(
        'GET / HTTP/1.1',
        'Host: issuer.example',
        'Forwarded: host=evil.example',
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Proto: gopher',
        'X-Forwarded-Port: 1',
        'X-Forwarded-Prefix: /evil',
        'X-Forwarded-For: 203.0.113.9',
        'X-Real-IP: 198.51.100.1',
      ),
    )
    const { headers, rawHeaders } = JSON.parse(body)
    expect(headers).to.deep.equal({
      host: 'issuer.example',
      connection: 'close',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.9',
    })
    expect(rawHeaders.join(' ')).not.to.match(/evil|gopher|198\.51/)
    expect(rawHeaders).to.include.members(['host', 'issuer.example', 'x-forwarded-for', '203.0.113.9'])
  })
})

describe("the engine's metadata behind the host pin", () => {
  afterEach(stopAll)

  it('names the issuer only, whatever the request claims', async () => {
    const { port } = await start(() => [
      failures({ log: memoryLog().log, show }),
      pinOrigin({ issuer: ISSUER, trustedProxies: [] }),
      engine(ISSUER),
    ])
    const path = '/.well-known/oauth-authorization-server'
    const spoof = ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: http', 'Forwarded: host=evil.example']
    for (const target of [path, `https://issuer.example${path}`]) {
      const { status, body } = await raw(port, request(`GET ${target} HTTP/1.1`, 'Host: issuer.example:443', ...spoof))
      expect(status).to.equal(200)
      expect(JSON.parse(body)).to.include({
        issuer: 'https://issuer.example',
        token_endpoint: 'https://issuer.example/token',
        jwks_uri: 'https://issuer.example/jwks',
      })
    }
  })
})
