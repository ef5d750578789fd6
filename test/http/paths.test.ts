import { expect } from 'chai'
import { pathMatcher, refuseHead } from '../../src/http/paths.ts'
import { echo, start, stopAll } from './support.ts'

describe('path patterns', () => {
  it('ignore letter case and one trailing slash, like the router of the engine', () => {
    const matches = pathMatcher(['/token', '/authorize*', '/'])
    for (const path of ['/token', '/TOKEN', '/token/', '/authorize', '/Authorize/abc', '/']) {
      expect(matches(path), path).to.equal(true)
    }
    for (const path of ['/tokens', '/token//', '/token/x', '/x/token', '/x']) {
      expect(matches(path), path).to.equal(false)
    }
  })
})

describe('HEAD', () => {
  afterEach(stopAll)

  const start405 = () => start(() => [refuseHead(['/authorize*', '/interaction*', '/callback*']), echo])

  for (const path of [
    '/authorize',
    '/authorize/resume-id',
    '/AUTHORIZE',
    '/authorize/',
    '/interaction/x',
    '/callback/entra',
  ]) {
    it(`is refused with 405 at ${path}`, async () => {
      const { url } = await start405()
      const head = await fetch(url + path, { method: 'HEAD' })
      expect(head.status).to.equal(405)
      expect(head.headers.get('allow')).to.equal('GET, POST')
      expect((await fetch(url + path)).status).to.equal(200)
    })
  }

  it('is left alone elsewhere', async () => {
    const { url } = await start405()
    expect((await fetch(`${url}/jwks`, { method: 'HEAD' })).status).to.equal(200)
  })
})
