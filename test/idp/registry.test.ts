import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { z } from 'zod'
import { adapters } from '../../adapters/index.ts'
import { type AdapterType, CONTRACT, defineAdapter, type Fetch, type Host, LoginRefused } from '../../src/adapter.ts'
import { AdapterLoadError, checkIdps, loadAdapterTypes } from '../../src/config/adapters.ts'
import { openIdps } from '../../src/idp/registry.ts'
import { adapterContract, bench, refused, signIn } from '../contract/adapter.contract.ts'
import acme from '../support/acme-adapter.ts'

const support = fileURLToPath(new URL('../support', import.meta.url))
const noFetch: Fetch = () => Promise.reject(new Error('nobody may fetch here'))

const redirectUri = (id: string) => new URL(`https://auth.example.com/callback/${id}`)

const company = { id: 'company', type: 'oidc', name: 'Company', issuer: 'https://idp.example.com', clientId: 'c' }
const local = { id: 'local', type: 'dev', name: 'Development' }

describe('the registry of IdPs', () => {
  describe('opening', () => {
    it('opens each IdP in order, with its id, without a request', () => {
      const hosts: Host[] = []
      const spy = defineAdapter({
        type: 'spy',
        options: z.strictObject({ level: z.int().default(3) }),
        open({ level }, host) {
          hosts.push(host)
          expect(level).to.equal(3)
          return { start: () => Promise.reject(new Error()), finish: () => Promise.reject(new Error()) }
        },
      })
      const now = () => new Date(0)
      const idps = [company, { id: 'watched', type: 'spy', name: 'Watched' }, local]
      const open = openIdps(idps, [...adapters, spy], { fetch: noFetch, redirectUri, now })
      expect([...open.values()].map(({ id, name, type }) => ({ id, name, type }))).to.deep.equal(
        idps.map(({ id, name, type }) => ({ id, name, type })),
      )
      const [host] = hosts as [Host]
      expect({ ...host, readFile: 0, warn: 0 }).to.deep.equal({
        id: 'watched',
        redirectUri: redirectUri('watched'),
        fetch: noFetch,
        now,
        readFile: 0,
        warn: 0,
      })
    })

    it('refuses what is wrong, and two IdPs of one id', () => {
      const services = { fetch: noFetch, redirectUri }
      expect(() => openIdps([{ ...company, clientId: '' }], adapters, services)).to.throw(/^idps\[0\]\.clientId: /)
      expect(() => openIdps([local, local], adapters, services)).to.throw(/two IdPs have the id local/)
    })
  })

  describe('checking', () => {
    it('finds nothing wrong with a good configuration', () => {
      expect(checkIdps([company, local], adapters)).to.deep.equal([])
    })

    it('finds every mistake in every entry, each with its path', () => {
      const { issuer: _, ...noIssuer } = company
      const idps = [
        { ...company, issuer: 'idp.example.com', clientId: '' },
        { ...noIssuer, clientID: 'c' },
        { ...local, level: 3 },
        { id: 'e', type: 'entra', name: 'Entra', tenant: 'common', clientId: 'x', clientSecret: 'y' },
      ]
      expect(checkIdps(idps, adapters).map(({ path }) => path)).to.deep.equal([
        'idps[0].issuer',
        'idps[0].clientId',
        'idps[1].issuer',
        'idps[1].clientID',
        'idps[2].level',
        'idps[3].clientId',
        'idps[3].tenant',
      ])
    })

    it('tells the known types when one is unknown, and the likely one', () => {
      const [problem] = checkIdps([{ ...company, type: 'entre' }], adapters)
      expect(problem?.path).to.equal('idps[0].type')
      expect(problem?.value).to.equal('"entre"')
      expect(problem?.remedy).to.match(/Did you mean "entra"\?.*dev, entra, .*oidc/)
    })

    it('never shows a secret', () => {
      const idp = {
        id: 'e',
        type: 'entra',
        name: 'Entra',
        tenant: 'example.com',
        clientId: 'x',
        clientSecret: 12345678,
      }
      expect(JSON.stringify(checkIdps([idp], adapters))).not.to.contain('12345678')
    })

    it('refuses an adapter made for another version of the contract', () => {
      for (const contract of [CONTRACT + 1, undefined]) {
        const other = { ...acme, type: 'other', contract } as unknown as AdapterType
        const [problem] = checkIdps([{ ...company, type: 'other' }], [other])
        expect(problem?.path).to.equal('idps[0].type')
        expect(problem?.remedy).to.contain(`this server has version ${CONTRACT}`)
      }
    })
  })

  describe('third-party adapters', () => {
    let folder: string

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'consulate-registry-'))
    })

    afterEach(() => rm(folder, { recursive: true }))

    const entry = (type: string) => ({ id: 'acme', type, name: 'Acme' })
    const source = (exported: string) => `
      const options = { safeParse: () => ({ success: true }), parse: (value) => value }
      ${exported} { contract: ${CONTRACT}, type: 'x', options, open: () => ({ start() {}, finish() {} }) }`

    async function write(path: string, text: string): Promise<void> {
      await mkdir(join(folder, path, '..'), { recursive: true })
      await writeFile(join(folder, path), text)
    }

    async function failure(type: string): Promise<AdapterLoadError> {
      const outcome = await loadAdapterTypes([local, entry(type)], adapters, folder).catch((error: unknown) => error)
      expect(outcome).to.be.instanceOf(AdapterLoadError)
      return outcome as AdapterLoadError
    }

    it('are loaded by a path that starts at the folder of the configuration', async () => {
      const idp = { ...entry('./acme-adapter.ts'), region: 'eu', clientId: 'c', clientSecret: 's' }
      const types = await loadAdapterTypes([local, idp], adapters, support)
      expect(types.map(({ type }) => type)).to.deep.equal([...adapters.map(({ type }) => type), './acme-adapter.ts'])
      expect(checkIdps([local, idp], types)).to.deep.equal([])
      expect(openIdps([local, idp], types, { fetch: noFetch, redirectUri }).get('acme')?.type).to.equal(
        './acme-adapter.ts',
      )
      expect(checkIdps([{ ...idp, region: 'moon' }], types).map(({ path }) => path)).to.deep.equal(['idps[0].region'])
    })

    it('are loaded by an absolute path, from a default export or one named adapter', async () => {
      await write('default.mjs', source('export default'))
      await write('named.mjs', source('export const adapter ='))
      const idps = [entry(join(folder, 'default.mjs')), entry(join(folder, 'named.mjs'))]
      const types = await loadAdapterTypes(idps, [], '/')
      expect(types.map(({ type }) => type)).to.deep.equal(idps.map(({ type }) => type))
    })

    it('are loaded by the name of a package that is installed beside the configuration', async () => {
      const manifest = { name: 'consulate-acme', type: 'module', exports: './main.js' }
      await write('node_modules/consulate-acme/package.json', JSON.stringify(manifest))
      await write('node_modules/consulate-acme/main.js', source('export default'))
      const types = await loadAdapterTypes([entry('consulate-acme')], adapters, folder)
      expect(types.at(-1)?.type).to.equal('consulate-acme')
    })

    it('are loaded once when several IdPs use one', async () => {
      await write('a.mjs', source('export default'))
      const idps = [entry('./a.mjs'), { ...entry('./a.mjs'), id: 'second' }]
      expect(await loadAdapterTypes(idps, [], folder)).to.have.length(1)
    })

    it('that are not installed are an unknown type', async () => {
      const types = await loadAdapterTypes([entry('consulate-nowhere')], adapters, folder)
      expect(types).to.deep.equal(adapters)
      expect(checkIdps([entry('consulate-nowhere')], types).map(({ path }) => path)).to.deep.equal(['idps[0].type'])
    })

    it('that are missing, broken or no adapter are one clear error', async () => {
      await write('throws.mjs', 'throw new Error("no licence found")')
      await write('syntax.mjs', 'export default {')
      await write('other.mjs', 'export default { type: "x" }')
      for (const [type, words] of [
        ['./missing.mjs', /cannot be loaded .*missing\.mjs/],
        ['./throws.mjs', /cannot be loaded \(no licence found\)/],
        ['./syntax.mjs', /cannot be loaded/],
        ['./other.mjs', /made with defineAdapter/],
      ] as const) {
        const { problem, message } = await failure(type)
        expect(problem.path).to.equal('idps[1].type')
        expect(problem.value).to.equal(JSON.stringify(type))
        expect(message).to.equal(problem.remedy).and.to.match(words)
      }
    })
  })
})

const acmeSubject = {
  type: acme,
  options: { region: 'eu', clientId: 'consulate', clientSecret: 'acme-secret-1' },
  idp: {
    issuer: 'https://eu.id.acme.example',
    clientId: 'consulate',
    clientSecret: 'acme-secret-1',
    user: { sub: 'a-1', name: 'Ada Lovelace', email: 'ada@example.com', acme_teams: ['red'] },
  },
  subject: 'a-1',
} as const

adapterContract('the example of docs/adapters.md', acmeSubject)

describe('the example of docs/adapters.md', () => {
  it('reads its own groups and turns guests away', async () => {
    const { idp, adapter } = await bench(acmeSubject)
    expect((await signIn({ idp, adapter })).claims.groups).to.deep.equal(['red'])
    idp.user = { ...idp.user, acme_guest: true }
    const error = await refused(signIn({ idp, adapter }), idp, 'not_allowed')
    expect(error).to.be.instanceOf(LoginRefused)
  })

  it('is printed there as it stands here', async () => {
    const code = await readFile(join(support, 'acme-adapter.ts'), 'utf8')
    const published = code
      .replace("'../../adapters/code-flow.ts'", "'consulate/code-flow'")
      .replace("'../../src/adapter.ts'", "'consulate/adapter'")
    const page = await readFile(new URL('../../docs/adapters.md', import.meta.url), 'utf8')
    expect(page).to.contain(`\`\`\`ts\n${published}\`\`\``)
    expect(published.split('\n').length).to.be.below(120)
  })
})
