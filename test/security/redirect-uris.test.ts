import { expect } from 'chai'
import fc from 'fast-check'
import { configSchema } from '../../src/config/schema.ts'
import { applicationType, checkRedirectUri } from '../../src/provider/redirect-uris.ts'
import { isDangerousScheme, parseUrl } from '../../src/url.ts'
import { libraryClient } from '../support/library-client.ts'
import { ACCEPTED } from './redirect-uris.accepted.ts'
import { REFUSED } from './redirect-uris.refused.ts'

const { customSchemes } = configSchema.shape.registration.parse({})
const policy = { customSchemes }

/** What a client registered, what it then asks for, and whether it gets it. */
const loopbackMatrix: readonly (readonly [registered: string, asked: string, allowed: boolean])[] = [
  ['http://localhost/callback', 'http://localhost/callback', true],
  ['http://localhost/callback', 'http://localhost:3118/callback', true],
  ['http://localhost:3118/callback', 'http://localhost:49152/callback', true],
  ['http://localhost:3118/callback', 'http://localhost/callback', true],
  ['http://127.0.0.1/', 'http://127.0.0.1:33418/', true],
  ['http://127.0.0.1:33418/', 'http://127.0.0.1:60123/', true],
  ['http://[::1]/callback', 'http://[::1]:3118/callback', true],
  ['http://localhost/callback', 'http://127.0.0.1:3118/callback', false],
  ['http://127.0.0.1/callback', 'http://localhost:3118/callback', false],
  ['http://127.0.0.1/callback', 'http://[::1]:3118/callback', false],
  ['http://localhost/callback', 'http://localhost:3118/other', false],
  ['http://localhost/callback', 'http://localhost:3118/callback/', false],
  ['http://localhost/callback', 'http://localhost:3118/callback/extra', false],
  ['http://localhost/callback', 'http://localhost:3118/callback?x=1', false],
  ['http://localhost/callback', 'http://localhost:3118/callback#x', false],
  ['http://localhost/callback', 'https://localhost:3118/callback', false],
  ['http://localhost/callback', 'http://localhost.evil.example:3118/callback', false],
  ['http://localhost/callback', 'http://localhost@evil.example/callback', false],
  ['http://127.0.0.1/callback', 'http://127.0.0.2:3118/callback', false],
  ['http://127.0.0.1/callback', 'http://0.0.0.0:3118/callback', false],
  ['https://a.example/cb', 'https://a.example:8443/cb', false],
  ['https://a.example/cb', 'https://a.example/cb/', false],
  ['cursor://host/cb', 'cursor://host:1/cb', false],
]

describe('redirect URI policy', () => {
  it('judges at least 150 URIs', () => {
    const all = [...Object.values(ACCEPTED).flat(), ...REFUSED.flatMap(({ uris }) => uris)]
    expect(new Set(all).size).to.equal(all.length)
    expect(all.length).to.be.at.least(150)
  })

  for (const [kind, uris] of Object.entries(ACCEPTED)) {
    for (const uri of uris) {
      it(`accepts ${uri} as ${kind}`, () => {
        expect(checkRedirectUri(uri, policy)).to.deep.equal({ ok: true, kind })
      })
    }
  }

  for (const { rule, because, uris } of REFUSED) {
    for (const uri of uris) {
      it(`refuses ${JSON.stringify(uri).slice(0, 80)}, which ${rule}`, () => {
        const verdict = checkRedirectUri(uri, policy)
        expect(verdict).to.have.property('ok', false)
        expect(verdict).to.have.property('reason').that.matches(because)
      })
    }
  }

  it('lets no configuration allow a dangerous scheme', () => {
    for (const scheme of ['javascript', 'data', 'ms-msdt', 'intent', 'file']) {
      expect(isDangerousScheme(scheme)).to.equal(true)
      expect(checkRedirectUri(`${scheme}:x`, { customSchemes: [scheme] })).to.have.property('ok', false)
    }
  })

  it('allows a scheme that the configuration lists, and only that one', () => {
    expect(checkRedirectUri('myapp://cb', { customSchemes: ['myapp'] })).to.deep.equal({ ok: true, kind: 'app' })
    expect(checkRedirectUri('cursor://cb', { customSchemes: ['myapp'] })).to.have.property('ok', false)
  })

  it('accepts no URI that a browser would read differently, and gives reasons fit for an OAuth error', () => {
    const pieces = fc.constantFrom(
      ...[
        'https://',
        'http://',
        'HTTP:',
        'cursor:',
        'localhost',
        '127.0.0.1',
        '0x7f.1',
        '[::1]',
        'a.example',
        '@',
        ':',
      ],
      ...[
        '/',
        '//',
        '..',
        '%2e',
        '\\',
        '\t',
        '#',
        '?',
        '*',
        ' ',
        '80',
        'é',
        '\u202e',
        'javascript:',
        ';',
        "'",
        '"',
        '.',
      ],
    )
    const nearlyUris = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(nearlyUris, fc.string({ unit: 'binary' }), fc.webUrl()), (uri) => {
        const verdict = checkRedirectUri(uri, policy)
        if (!verdict.ok) {
          expect(verdict.reason).to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
          return
        }
        const { href, username, password, hash, protocol, hostname } = new URL(uri)
        expect([uri, `${uri}/`]).to.include(href)
        expect(username + password + hash).to.equal('')
        if (protocol === 'http:') expect(hostname).to.be.oneOf(['localhost', '127.0.0.1', '[::1]'])
      }),
      { numRuns: 5000 },
    )
  })
})

describe('URL parsing', () => {
  it('answers the same for accented letters however often it ran before', () => {
    const accented = 'https://b\u00fccher.example/cb'
    for (let count = 0; count < 100_000; count++) parseUrl(`https://a.example/${count}`)
    expect(parseUrl(accented)?.href).to.equal('https://xn--bcher-kva.example/cb')
    expect(parseUrl('https://')).to.equal(undefined)
  })
})

describe('application type', () => {
  it('is web only when every redirect URI is https', () => {
    expect(applicationType(['https://a.example/cb', 'https://b.example/cb'])).to.equal('web')
    expect(applicationType(['https://a.example/cb', 'http://localhost/cb'])).to.equal('native')
    expect(applicationType(['https://a.example/cb', 'cursor://host/cb'])).to.equal('native')
    expect(applicationType(['com.example.app:/cb'])).to.equal('native')
  })
})

describe('redirect URIs of requests, compared by the library under our application type', () => {
  for (const [registered, asked, allowed] of loopbackMatrix) {
    it(`${allowed ? 'allows' : 'refuses'} ${asked} for a client with ${registered}`, async () => {
      const client = await libraryClient({
        redirect_uris: [registered],
        application_type: applicationType([registered]),
        token_endpoint_auth_method: 'none',
      })
      expect(checkRedirectUri(registered, policy).ok).to.equal(true)
      expect(client.redirectUriAllowed(asked)).to.equal(allowed)
    })
  }
})
