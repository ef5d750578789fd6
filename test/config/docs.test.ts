import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { stringify } from 'yaml'
import { z } from 'zod'
import { adapters } from '../../adapters/index.ts'
import { configSchema } from '../../src/config/schema.ts'
import { parse, SECRET, sound } from './support.ts'

interface Node {
  readonly type?: string
  readonly default?: unknown
  readonly properties?: Record<string, Node>
  readonly items?: Node
  readonly oneOf?: readonly Node[]
}

/** Every setting below a schema with its default, as `resources[].introspection.clientId`. */
function settings(node: Node, path = ''): [path: string, fallback: unknown][] {
  const properties = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const here = path === '' ? key : `${path}.${key}`
    const below = settings(child, here)
    // A mapping with defaults in every part needs no line of its own.
    return below.length > 0 && child.default !== undefined
      ? below
      : [[here, child.default] as [string, unknown], ...below]
  })
  return [
    ...properties,
    ...(node.items ? settings(node.items, `${path}[]`) : []),
    ...(node.oneOf ?? []).flatMap((option) => settings(option, path)),
  ]
}

const folder = new URL('../../docs/idps/', import.meta.url)
/** The pages of IdP types; there are others beside them. */
const pages = new Set(readdirSync(folder).filter((name) => adapters.some(({ type }) => name === `${type}.md`)))
const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

/** Whether the settings of an IdP type are on the configuration page, and not on the page of the type. */
const isHere = (type: string) => text.includes(`### Type \`${type}\``)

/** The cells of the table line about a setting. */
function line(section: string, setting: string): string[] | undefined {
  const found = section.split('\n').find((each) => each.startsWith(`| \`${setting}\` |`))
  return found?.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
}

function expectDescribed(section: string, schema: z.ZodType): void {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node
  for (const [setting, fallback] of settings(json)) {
    const cells = line(section, setting)
    expect(cells, setting).to.have.length(5)
    const [, type, shownDefault, meaning, example] = cells ?? []
    for (const cell of [type, meaning, example]) expect(cell, setting).to.match(/\S/)
    if (fallback === undefined) continue
    const written = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
    expect(shownDefault, setting).to.equal(`\`${written}\``)
  }
}

describe('docs/configuration.md', () => {
  it('describes every setting, with the default that it has', () => {
    expectDescribed(text, configSchema)
  })

  for (const adapter of adapters.filter(({ type }) => isHere(type))) {
    it(`describes every setting of the IdP type ${adapter.type}`, () => {
      const section = text.split(`### Type \`${adapter.type}\``)[1]?.split(/^##/m)[0]
      expect(section).to.be.a('string')
      expectDescribed(section ?? '', adapter.options)
    })
  }

  it('describes no setting that does not exist', () => {
    const general = text.replace(/### Type[\s\S]*?(?=^##)/gm, '')
    const known = settings(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Node).map(
      ([path]) => path,
    )
    const described = [...general.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path)
    // Each kind of store has a `store.type`, and one line tells of all.
    expect(described).to.have.members([...new Set(known)])
  })

  it('holds an example that passes every check', async () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    const { config } = await parse(example, {
      CONSULATE_SECRET: SECRET,
      ENTRA_CLIENT_SECRET: 'from-the-portal',
      FILES_INTROSPECTION_SECRET: SECRET.split('').reverse().join(''),
    })
    expect(config.idps.map((idp) => idp.type)).to.deep.equal(['entra'])
    expect(config.resources).to.have.length(1)
  })
})

describe('docs/idps', () => {
  const index = readFileSync(new URL('README.md', folder), 'utf8')

  it('has a page for every type, and lists it', () => {
    expect([...pages]).to.have.members(adapters.map(({ type }) => `${type}.md`))
    for (const page of pages) {
      expect(index).to.contain(`](${page})`)
      expect(text).to.contain(`](idps/${page})`)
    }
  })

  for (const page of pages) {
    const type = page.replace('.md', '')
    const content = readFileSync(new URL(page, folder), 'utf8')
    const adapter = adapters.find((each) => each.type === type)

    it(`holds in ${page} an entry that passes every check, and its redirect URI`, async () => {
      const [, block = ''] = /```yaml\n([\s\S]*?)```/.exec(content) ?? []
      const references = [...block.matchAll(/\$\{env:(\w+)\}/g)].map(([, name]) => [name, 'from-the-idp'])
      const { issuer, idps: _, ...rest } = sound()
      const development = block.includes('development: true')
      const around = { issuer: development ? 'http://localhost:3000' : issuer, ...rest }
      const { config } = await parse(`${block}\n${stringify(around)}`, Object.fromEntries(references))
      const [idp] = config.idps
      expect(idp?.type).to.equal(type)
      if (!development) expect(content).to.match(new RegExp(`https://auth\\.example\\.com/callback/${idp?.id}\\b`))
    })

    if (isHere(type)) continue

    it(`describes in ${page} every setting with its default, and none that does not exist`, () => {
      const section = content.split('## Settings\n')[1]?.split(/^## /m)[0] ?? ''
      if (!adapter) throw new Error(`no adapter has the type ${type}`)
      expectDescribed(section, adapter.options)
      const known = settings(z.toJSONSchema(adapter.options, { io: 'input', unrepresentable: 'any' }) as Node)
      const described = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
      expect(described).to.have.members(known.map(([name]) => name))
    })

    it(`tells in ${page} what every page tells`, () => {
      const headings = [...content.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
      expect(headings).to.deep.equal(['Set up', 'Configuration', 'Settings', 'Groups', 'Re-check and logout', 'Limits'])
    })
  }
})

describe('README.md', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

  it('holds an example for Entra ID that passes every check and asks for the groups it speaks of', async () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
    const { config } = await parse(example, { CONSULATE_SECRET: SECRET, ENTRA_CLIENT_SECRET: 'from-the-portal' })
    expect(config.idps.map((idp) => idp.type)).to.deep.equal(['entra'])
    expect(config.resources[0]?.claims).to.deep.equal(['groups'])
    expect(config.trustedProxies).to.have.length(1)
  })

  it('names only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      scripts: Record<string, string>
    }
    const named = [...readme.matchAll(/\bnpm (?:run )?(?!install\b)([a-z]+)/g)].map(([, name]) => name)
    expect(scripts).to.include.all.keys(named)
  })
})
