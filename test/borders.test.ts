/** The import borders of `biome.json`, tried with planted files in folders of the same names. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { places } from './borders.places.ts'

const RESTRICTED = 'lint/style/noRestrictedImports'

interface Diagnostic {
  readonly category: string
  readonly location: { readonly path: string; readonly start: { readonly line: number } }
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
