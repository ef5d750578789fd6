/** The import borders of `biome.json`, tried with planted files in folders of the same names. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const RESTRICTED = 'lint/style/noRestrictedImports'

interface Diagnostic {
  readonly category: string
  readonly location: { readonly path: string; readonly start: { readonly line: number } }
}

const MONGODB = ['mongodb', 'mongodb/lib/utils.js']
const ENGINES = ['oidc-provider', 'oidc-provider/lib/models/session.js', ...MONGODB]
const ROOTS = ['../main.ts', '../server.ts', '../index.ts']

interface Borders {
  readonly refused: readonly string[]
  readonly allowed: readonly string[]
}

const places: Readonly<Record<string, Borders>> = {
  'src/adapter.ts': { refused: [...ENGINES, './url.ts', './config/schema.ts', 'koa', 'node:fs'], allowed: ['zod'] },
  'src/store.ts': { refused: [...ENGINES, './errors.ts', './stores/embedded/rows.ts'], allowed: [] },
  'src/errors.ts': { refused: [...ENGINES, './adapter.ts'], allowed: [] },
  'src/url.ts': { refused: [...ENGINES, './errors.ts', './http/paths.ts'], allowed: [] },
  'src/index.ts': {
    refused: [...ENGINES, './main.ts', './cli/serve.ts', '../adapters/index.ts', 'consulate'],
    allowed: ['./server.ts', './provider/build.ts', './stores/seal.ts', './demo/mount.ts', 'pino'],
  },
  'src/server.ts': {
    refused: [
      ...ENGINES,
      './main.ts',
      './index.ts',
      './provider/build.ts',
      './stores/seal.ts',
      './interaction/routes.ts',
    ],
    allowed: ['./http/cors.ts', './pages/index.ts', 'koa', '@koa/router'],
  },
  'src/main.ts': {
    refused: [...ENGINES, './server.ts', './cli/index.ts', './provider/build.ts', '../adapters/index.ts'],
    allowed: ['./index.ts', './stores/embedded/index.ts', './http/listen.ts'],
  },
  'adapters/x.ts': {
    refused: [
      ...ENGINES,
      '../src/url.ts',
      '../src/index.ts',
      '../test/x.ts',
      'node:fs',
      'undici',
      'koa',
      'axios',
      'consulate',
    ],
    allowed: ['./oidc.ts', './entra/graph.ts', '../src/adapter.ts', 'zod', 'jose', 'openid-client', 'node:crypto'],
  },
  'adapters/x/y.ts': {
    refused: [...ENGINES, '../../src/url.ts', '../../src/index.ts', '../../test/x.ts', 'node:fs', 'undici', 'koa'],
    allowed: ['./z.ts', '../code-flow.ts', '../../src/adapter.ts', 'zod', 'jose', 'openid-client', 'node:crypto'],
  },
  'src/mcp/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../errors.ts',
      '../config/schema.ts',
      'koa',
      'express',
      '@modelcontextprotocol/server',
    ],
    allowed: ['./verify.ts', '../url.ts', 'jose', 'zod', 'node:http'],
  },
  'src/provider/x.ts': {
    refused: [
      ...ROOTS,
      ...MONGODB,
      '../stores/seal.ts',
      '../idp/registry.ts',
      '../interaction/routes.ts',
      '../pages/index.ts',
    ],
    allowed: ['oidc-provider', 'oidc-provider/lib/errors.js', 'koa', '../interaction/port.ts', '../observe/audit.ts'],
  },
  'src/interaction/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
      '../../src/provider/build.ts',
    ],
    allowed: ['./port.ts', '../idp/registry.ts', '../observe/audit.ts', '../pages/models.ts', 'koa', 'node:crypto'],
  },
  'src/http/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/port.ts',
      '../stores/seal.ts',
      '../idp/fetch.ts',
      '../pages/index.ts',
    ],
    allowed: ['../pages/models.ts', '../store.ts', 'helmet', '@koa/cors', 'node:net'],
  },
  'src/pages/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/models.ts',
      '../http/body.ts',
      '../stores/seal.ts',
    ],
    allowed: ['../mcp/metadata.ts', 'eta', 'node:fs'],
  },
  'src/idp/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/port.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
    ],
    allowed: ['../adapter.ts', '../config/adapters.ts', 'undici'],
  },
  'src/stores/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../config/schema.ts',
      '../keys/keyring.ts',
      '../observe/log.ts',
      '../provider/build.ts',
    ],
    allowed: ['../store.ts', '../keys/derive.ts', './mongodb/index.ts', 'node:fs/promises'],
  },
  'src/stores/embedded/x.ts': {
    refused: ['oidc-provider', 'mongodb', '../seal.ts', '../mongodb/index.ts', '../../config/schema.ts'],
    allowed: ['../../store.ts', '../text.ts', 'libsql', './rows.ts'],
  },
  'src/stores/mongodb/x.ts': {
    refused: ['oidc-provider', 'libsql', '../seal.ts', '../embedded/index.ts', '../../config/schema.ts'],
    allowed: ['../../store.ts', '../text.ts', 'mongodb', './document.ts'],
  },
  'src/stores/move/x.ts': {
    refused: ['oidc-provider', 'mongodb', 'libsql', '../embedded/index.ts', '../mongodb/index.ts', '../../main.ts'],
    allowed: ['../../store.ts', '../cipher.ts', '../ring.ts', 'node:fs/promises'],
  },
  'src/keys/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../stores/folder.ts', '../config/schema.ts', '../provider/build.ts'],
    allowed: ['../store.ts', 'jose'],
  },
  'src/config/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../idp/registry.ts', '../stores/seal.ts', '../../adapters/index.ts', 'pino'],
    allowed: ['../adapter.ts', '../url.ts', 'yaml', 'zod'],
  },
  'src/observe/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../http/state.ts', '../config/load.ts', '../cli/version.ts'],
    allowed: ['../errors.ts', '../config/schema.ts', 'pino', 'prom-client', 'node:stream'],
  },
  'src/demo/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../provider/build.ts', '../mcp/keys.ts', '../stores/seal.ts', '../idp/fetch.ts'],
    allowed: ['../mcp/index.ts', '@modelcontextprotocol/client', 'koa'],
  },
  'src/cli/x.ts': {
    refused: [
      ...ENGINES,
      '../server.ts',
      '../index.ts',
      '../provider/build.ts',
      '../http/cors.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
    ],
    allowed: [
      '../main.ts',
      '../config/load.ts',
      '../idp/registry.ts',
      '../http/listen.ts',
      '../../adapters/index.ts',
      'commander',
      'open',
    ],
  },
  'src/elsewhere/x.ts': { refused: [...ENGINES, '../main.ts'], allowed: [] },
  'test/x.ts': { refused: [], allowed: ['../src/main.ts', 'oidc-provider', 'mongodb'] },
}

const imports = (file: string) => [...(places[file]?.refused ?? []), ...(places[file]?.allowed ?? [])]
const passOn = (specifier: string) => `export * from '${specifier}'\n`

/** Every way to import what interaction/ may not. */
const forms: Readonly<Record<string, string>> = {
  'a type': "import type { A } from '../provider/build.ts'\nexport let a: A\n",
  'a side effect': "import '../provider/build.ts'\n",
  'all of it': "import * as a from '../provider/build.ts'\nexport const b = a\n",
  'it at run time': "export const a = import('../provider/build.ts')\n",
  'it in passing': "export { a } from '../provider/build.ts'\n",
  'it by a detour inside the room': "export * from './../provider/build.ts'\n",
  'it by a detour through another room': "export * from '../http/../provider/build.ts'\n",
}

const PROTOCOL = "import fs from 'fs'\nfs.accessSync('.')\n"

describe('the import borders', function () {
  this.timeout(60_000)
  let folder: string
  let found: readonly Diagnostic[]

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'consulate-borders-'))
    copyFileSync(fileURLToPath(new URL('../biome.json', import.meta.url)), join(folder, 'biome.json'))
    for (const file of Object.keys(places)) plant(file, imports(file).map(passOn).join(''))
    for (const [index, text] of Object.values(forms).entries()) plant(`src/interaction/form-${index}.ts`, text)
    plant('src/protocol.ts', PROTOCOL)
    found = lint()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function plant(file: string, text: string): void {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }

  /** What the linter of this project says about all planted files. */
  function lint(): Diagnostic[] {
    const bin = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')
    const args = [bin, 'lint', '--reporter=json', '--max-diagnostics=none', '.']
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
    expect(stdout, stderr).to.match(/^\{/)
    return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics
  }

  const linesWith = (rule: string, file: string) =>
    found
      .filter((each) => each.category === rule && each.location.path === file)
      .map((each) => each.location.start.line)
      .sort((a, b) => a - b)

  for (const [file, { refused }] of Object.entries(places)) {
    it(`hold for ${file}`, () => {
      const all = imports(file)
      const flagged = linesWith(RESTRICTED, file).map((line) => all[line - 1])
      expect(flagged).to.deep.equal(refused)
    })
  }

  for (const [index, form] of Object.keys(forms).entries()) {
    it(`see ${form} being imported`, () => {
      expect(linesWith(RESTRICTED, `src/interaction/form-${index}.ts`)).to.deep.equal([1])
    })
  }

  it('ask for the prefix node: of modules of Node', () => {
    expect(linesWith('lint/style/useNodejsImportProtocol', 'src/protocol.ts')).to.deep.equal([1])
  })
})
