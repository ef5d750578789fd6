import { expect } from 'chai'
import { securityHeaders } from '../../src/http/headers.ts'
import { echo, engine, start, stopAll } from './support.ts'

describe('the security headers', () => {
  afterEach(stopAll)

  async function headersOf(issuer: URL) {
    const { url } = await start(() => [securityHeaders({ issuer }), echo])
    return (await fetch(url)).headers
  }

  it('allow an answer to load nothing and to be framed by nobody', async () => {
    const headers = await headersOf(new URL('https://issuer.example'))
    expect(headers.get('content-security-policy')).to.equal("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-frame-options')).to.equal('DENY')
    expect(headers.get('x-content-type-options')).to.equal('nosniff')
    expect(headers.get('referrer-policy')).to.equal('no-referrer')
  })

  it('do not cut the tie between a client and the popup it opened', async () => {
    const headers = await headersOf(new URL('https://issuer.example'))
    expect(headers.get('cross-origin-opener-policy')).to.equal(null)
  })

  it('pin https for the issuer alone, and only when it has https', async () => {
    const secure = await headersOf(new URL('https://issuer.example'))
    expect(secure.get('strict-transport-security')).to.equal('max-age=31536000')
    const plain = await headersOf(new URL('http://localhost:3000'))
    expect(plain.get('strict-transport-security')).to.equal(null)
  })

  it("are on the engine's answers as well", async () => {
    const issuer = new URL('https://issuer.example')
    const { url } = await start(() => [securityHeaders({ issuer }), engine(issuer)])
    for (const path of ['/jwks', '/token', '/nowhere']) {
      expect((await fetch(url + path)).headers.get('x-frame-options')).to.equal('DENY')
    }
  })
})
