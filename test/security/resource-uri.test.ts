import { expect } from 'chai'
import fc from 'fast-check'
import { openResources } from '../../src/provider/resources.ts'
import { canonicalResource } from '../../src/url.ts'

const canonical: readonly (readonly [raw: string, form: string])[] = [
  ['https://mcp.example', 'https://mcp.example'],
  ['https://mcp.example/', 'https://mcp.example'],
  ['HTTPS://MCP.Example/', 'https://mcp.example'],
  ['https://mcp.example:443/mcp', 'https://mcp.example/mcp'],
  ['http://localhost:80/', 'http://localhost'],
  ['http://localhost:443/', 'http://localhost:443'],
  ['http://localhost:3000/demo/mcp', 'http://localhost:3000/demo/mcp'],
  ['https://mcp.example/mcp', 'https://mcp.example/mcp'],
  ['https://mcp.example/mcp/', 'https://mcp.example/mcp/'],
  ['https://mcp.example//', 'https://mcp.example//'],
  ['https://MCP.example/MCP', 'https://mcp.example/MCP'],
  ['https://mcp.example/a%2fb', 'https://mcp.example/a%2fb'],
  ['https://mcp.example/a%2Fb', 'https://mcp.example/a%2Fb'],
  ['https://mcp.example/%7Euser', 'https://mcp.example/%7Euser'],
  ['https://mcp.example/mcp?tenant=A', 'https://mcp.example/mcp?tenant=A'],
  ['https://mcp.example/?tenant=A', 'https://mcp.example?tenant=A'],
  ['https://mcp.example?tenant=A', 'https://mcp.example?tenant=A'],
  ['https://mcp.example/...', 'https://mcp.example/...'],
  ['https://mcp.example/a@b', 'https://mcp.example/a@b'],
  ['http://[::1]:8080/mcp', 'http://[::1]:8080/mcp'],
  ['http://[FD00::A]/mcp', 'http://[fd00::a]/mcp'],
  ['https://xn--bcher-kva.example/mcp', 'https://xn--bcher-kva.example/mcp'],
]

const refused = [
  '',
  'mcp.example',
  '/mcp',
  '//mcp.example/mcp',
  'https://',
  'https:///mcp',
  'https:mcp.example',
  'https:/mcp.example',
  'https:\\\\mcp.example',
  'ftp://mcp.example/',
  'urn:mcp:server',
  'javascript:alert(1)',
  'https://mcp.example/mcp#',
  'https://mcp.example/mcp#part',
  'https://user@mcp.example/mcp',
  'https://user:secret@mcp.example/mcp',
  'https://@mcp.example/mcp',
  'https://mcp.example@evil.example/mcp',
  'https://mcp.example/a/../mcp',
  'https://mcp.example/./mcp',
  'https://mcp.example/..',
  'https://mcp.example/a/%2e%2e/mcp',
  'https://mcp.example/a/.%2E/mcp',
  'https://mcp.example/%2e',
  'https://mcp.example\\@evil.example/',
  'https://mcp.example/a b',
  ' https://mcp.example',
  'https://mcp.example\n',
  'https://mcp.example/\u0000',
  'https://mcp.example/%zz',
  'https://bücher.example/',
  'https://mcp.example:/mcp',
  'https://mcp.example:0443/mcp',
  'https://mcp.example:99999/mcp',
  'https://m%63p.example/mcp',
  'http://127.1/mcp',
  'http://2130706433/mcp',
  'http://[0:0:0:0:0:0:0:1]/mcp',
  'https://[::1/mcp',
  `https://mcp.example/${'x'.repeat(2048)}`,
]

describe('canonical form of a resource', () => {
  for (const [raw, form] of canonical) {
    it(`of ${raw} is ${form}`, () => expect(canonicalResource(raw)).to.equal(form))
  }

  for (const raw of refused) {
    it(`does not exist for ${JSON.stringify(raw).slice(0, 60)}`, () => {
      expect(canonicalResource(raw)).to.equal(undefined)
    })
  }

  it('is its own canonical form and names the same origin', () => {
    const piece = fc.constantFrom(
      'https://',
      'HTTP://',
      'Mcp.example',
      ':443',
      ':80',
      '/',
      '/mcp',
      '?a=B',
      '%2f',
      '..',
      '@',
    )
    const nearlyResources = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.oneof(nearlyResources, fc.webUrl({ withQueryParameters: true }), fc.string()), (raw) => {
        const form = canonicalResource(raw)
        if (form === undefined) return
        expect(canonicalResource(form)).to.equal(form)
        expect(new URL(form).origin).to.equal(new URL(raw).origin)
        expect(new URL(form).pathname).to.equal(new URL(raw).pathname)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('matching a resource against the configuration', () => {
  const configured = ['http://localhost:3000/demo/mcp', 'https://root.example', 'https://a.example/mcp']
  const resources = openResources(
    configured.map((resource) => ({
      resource,
      name: 'x',
      scopes: { use: 'use it' },
      defaultScopes: ['use'],
      claims: [],
    })),
  )
  const named = (raw: string) => resources.named(raw)?.resource

  it('finds a resource under any harmless spelling and answers its canonical form', () => {
    expect(named('HTTP://LOCALHOST:3000/demo/mcp')).to.equal('http://localhost:3000/demo/mcp')
    expect(named('https://root.example')).to.equal('https://root.example')
    expect(named('https://root.example:443/')).to.equal('https://root.example')
  })

  it('takes no other path, slash, case, port, scheme or query for the same resource', () => {
    for (const other of [
      'https://a.example/mcp/',
      'https://a.example/MCP',
      'https://a.example/mcp/tool',
      'https://a.example/mc',
      'https://a.example/mcp?x=1',
      'https://a.example:8443/mcp',
      'http://a.example/mcp',
      'https://a.example',
      'https://a.example/%6dcp',
      'https://a.example/x/../mcp',
      'https://a.example.evil.example/mcp',
      'https://a.example/mcp#x',
    ]) {
      expect(named(other), other).to.equal(undefined)
    }
  })

  it('never matches two things that have no canonical form', () => {
    expect(named('not a resource')).to.equal(undefined)
  })
})
