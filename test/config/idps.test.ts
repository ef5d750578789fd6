import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { stringify } from 'yaml'
import { adapters } from '../../adapters/index.ts'
import { loadConfig } from '../../src/config/load.ts'
import { PNG, SVG } from '../support/logos.ts'
import { parse, problemsIn, SECRET, sound } from './support.ts'

const withIdps = (...changes: Record<string, unknown>[]) => {
  const settings = sound()
  settings.idps = changes.map((change, index) => ({ ...settings.idps[0], id: `idp-${index}`, ...change }))
  return settings
}
const told = async (...changes: Record<string, unknown>[]) =>
  (await problemsIn(withIdps(...changes))).map(({ path, remedy }) => `${path}: ${remedy}`)

describe('the domains of IdPs', () => {
  it('may be several, each of one IdP', async () => {
    const { config } = await parse(withIdps({ domains: ['contoso.com', 'xn--bcher-kva.de'] }, { domains: ['a.co'] }))
    expect(config.idps.map(({ domains }) => domains)).to.deep.equal([['contoso.com', 'xn--bcher-kva.de'], ['a.co']])
  })

  it('may differ by a subdomain, which is another domain', async () => {
    await parse(withIdps({ domains: ['contoso.com'] }, { domains: ['mail.contoso.com'] }))
  })

  it('are refused when two IdPs claim one, in a sentence that names the other', async () => {
    expect(await told({ domains: ['a.com', 'b.com'] }, {}, { domains: ['c.com', 'b.com'] })).to.deep.equal([
      'idps[2].domains[1]: Let one IdP have this domain, and name it once there: idps[0] has it already.',
    ])
    expect(await told({ domains: ['a.com', 'a.com'] })).to.have.length(1)
  })

  for (const domain of [
    'Contoso.com',
    '@contoso.com',
    '*.contoso.com',
    'contoso',
    'contoso.com.',
    'büro.de',
    '',
    '10.0.0.1',
    'example.123',
    'example.com-',
  ]) {
    it(`are refused as “${domain}”`, async () => {
      const [line, ...others] = await told({ domains: [domain] })
      expect(others).to.deep.equal([])
      expect(line).to.equal('idps[0].domains[0]: Use a lower-case domain: example.com.')
    })
  }

  it('are refused as an empty list', async () => {
    expect(await told({ domains: [] })).to.deep.equal(['idps[0].domains: Write at least 1 entry.'])
  })
})

describe('docs/idps/several.md', () => {
  it('holds an example that lacks nothing but the logos', async () => {
    const text = readFileSync(new URL('../../docs/idps/several.md', import.meta.url), 'utf8')
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    const whole = `issuer: https://auth.example.com\nsecret: ${SECRET}\n${example}`
    const env = { ENTRA_CLIENT_SECRET: 'from-the-portal', PARTNERS_CLIENT_SECRET: 'from-the-partners' }
    const paths = (await problemsIn(whole, env)).map(({ path }) => path)
    expect(paths).to.deep.equal(['idps[0].logo', 'idps[1].logo'])
  })
})

describe('the logo of an IdP', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'consulate-logos-'))
    await mkdir(join(folder, 'folder.svg'))
  })
  after(() => rm(folder, { recursive: true }))

  async function file(name: string, content: Buffer | string): Promise<string> {
    const path = join(folder, name)
    await writeFile(path, content)
    return path
  }

  it('may be a PNG, JPEG, WebP or SVG, whatever its name', async () => {
    const webp = Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBPVP8L'), Buffer.alloc(16)])
    const jpeg = Buffer.from('ffd8ffe000104a464946', 'hex')
    const svg = `\ufeff<?xml version="1.0"?>\n<!-- a --> <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n${SVG}`
    for (const content of [PNG, SVG, webp, jpeg, svg]) {
      const logo = await file('logo.txt', content)
      expect((await parse(withIdps({ logo }))).config.idps[0]?.logo).to.equal(logo)
    }
  })

  it('is looked for from the folder of the configuration', async () => {
    expect(await told({ logo: 'logos/contoso.svg' })).to.deep.equal([
      'idps[0].logo: Create the file /etc/consulate/logos/contoso.svg; it does not exist.',
    ])
    const logo = await file('beside.svg', SVG)
    const config = await file('consulate.yaml', stringify(withIdps({ logo: './beside.svg' })))
    expect((await loadConfig(config, adapters)).config.idps[0]?.logo).to.equal(logo)
  })

  for (const [title, content] of [
    ['a page', '<!doctype html><svg xmlns="http://www.w3.org/2000/svg"></svg>'],
    ['a page that begins like an SVG', '<svgx><script>alert(1)</script>'],
    ['a GIF', 'GIF89a'],
    ['empty', ''],
    ['an SVG with entities', '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>'],
    ['not UTF-8', Buffer.concat([Buffer.from('<svg>'), Buffer.from([0xff, 0xfe])])],
  ] as const) {
    it(`is refused when the file is ${title}`, async () => {
      const logo = await file('bad.svg', content)
      expect(await told({ logo })).to.deep.equal([
        'idps[0].logo: Use a PNG, JPEG, WebP or SVG file; this one holds something else.',
      ])
    })
  }

  it('is refused above 128 KiB, and as a folder', async () => {
    const logo = await file('large.png', Buffer.concat([PNG, Buffer.alloc(128 * 1024)]))
    expect(await told({ logo }, { logo: join(folder, 'folder.svg') })).to.deep.equal([
      'idps[0].logo: Use a file of at most 128 KiB; everybody waits for it.',
      'idps[1].logo: Name a file.',
    ])
  })
})
