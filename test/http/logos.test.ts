import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { register } from '../support/client.ts'
import { approve, openConsent } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { hostileSvg, PNG, SVG } from '../support/logos.ts'

describe('the logos of IdPs', () => {
  let folder: string
  let issuer: TestIssuer

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'consulate-logos-'))
    const files = { one: SVG, two: PNG, three: hostileSvg('https://evil.example') }
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    issuer = await startIssuer({
      path: '/t1',
      config: (defaults) => ({
        ...defaults,
        idps: ['one', 'two', 'three', 'bare'].map((id) => ({
          id,
          type: 'dev',
          name: `IdP ${id}`,
          ...(id === 'bare' ? {} : { logo: join(folder, id) }),
        })),
      }),
    })
  })
  after(async () => {
    await issuer?.close()
    await rm(folder, { recursive: true })
  })

  const get = (path: string, init: RequestInit = {}) => fetch(`${issuer.url}/assets/idps/${path}`, init)

  it('are on the chooser beside the names, from this server alone', async () => {
    const page = await approve(await openConsent(issuer.url, await register(issuer.url)))
    const images = [...page.html.matchAll(/<img [^>]*>/g)].map(([tag]) => tag)
    expect(images.map((tag) => /src="([^"]*)"/.exec(tag)?.[1])).to.deep.equal(
      ['one', 'two', 'three'].map((id) => `/t1/assets/idps/${id}`),
    )
    // The name stands beside it: to read both out would be to say it twice.
    for (const tag of images) expect(tag).to.include('alt=""')
  })

  for (const [id, type] of [
    ['one', 'image/svg+xml'],
    ['two', 'image/png'],
    ['three', 'image/svg+xml'],
  ] as const) {
    it(`are served as ${type} that runs nothing, loads nothing and is taken for nothing else (${id})`, async () => {
      const { status, headers } = await get(id)
      expect([status, headers.get('content-type')]).to.deep.equal([200, type])
      expect(headers.get('x-content-type-options')).to.equal('nosniff')
      expect(headers.get('content-security-policy')).to.equal(
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
      )
      expect(headers.get('cross-origin-resource-policy')).to.equal('same-origin')
      expect(headers.getSetCookie()).to.deep.equal([])
    })
  }

  it('are the files, to the byte, and 304 for whoever has them', async () => {
    const first = await get('two')
    expect(Buffer.from(await first.arrayBuffer()).equals(PNG)).to.equal(true)
    const again = await get('two', {
      headers: { 'if-none-match': first.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
    })
    expect(again.status).to.equal(304)
    expect((await get('two', { method: 'HEAD' })).headers.get('content-length')).to.equal(String(PNG.length))
  })

  it('are at no other address, and no other file is at theirs', async () => {
    for (const path of ['bare', 'four', 'one/', 'one/..%2ftwo', '..%2f..%2fetc%2fpasswd', 'constructor', 'ONE', '']) {
      expect((await get(path)).status, path).to.equal(404)
    }
    expect((await get('one', { method: 'POST' })).status).to.equal(404)
  })

  it('stop the start when one cannot be used', async () => {
    const start = startIssuer({
      config: (defaults) => ({
        ...defaults,
        idps: [{ id: 'dev', type: 'dev', name: 'Dev', logo: join(folder, 'missing') }],
      }),
    })
    const error = await start.then(
      () => undefined,
      (reason: Error & { problems?: { path: string }[] }) => reason,
    )
    expect(error?.problems?.map(({ path }) => path)).to.deep.equal(['idps[0].logo'])
  })
})
