import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { Workplace } from './support.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('consulate adapter new', function () {
  this.timeout(120_000)
  let at: Workplace
  beforeEach(async () => {
    at = await Workplace.open()
  })
  afterEach(() => at.close())

  /** What an author has installed, with this package as it is in the tree. */
  async function install(): Promise<void> {
    const modules = join(at.folder, 'node_modules')
    await mkdir(join(modules, 'consulate'), { recursive: true })
    for (const name of ['chai', 'mocha', 'tsx', 'zod']) {
      await symlink(join(root, 'node_modules', name), join(modules, name))
    }
    const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const entries = ['./adapter', './code-flow', './testing']
    for (const entry of entries) {
      const source = join(root, exports[entry].default.replace('./dist/', '').replace(/\.js$/, '.ts'))
      await writeFile(join(modules, 'consulate', `${entry}.mjs`), `export * from '${pathToFileURL(source)}'\n`)
    }
    const published = Object.fromEntries(entries.map((entry) => [entry, `${entry}.mjs`]))
    await at.write('node_modules/consulate/package.json', { name: 'consulate', exports: published })
    await at.write('package.json', { name: 'an-author', type: 'module', private: true })
  }

  async function mocha(...args: string[]): Promise<{ code: number | null; out: string }> {
    const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env
    const bin = join(at.folder, 'node_modules/mocha/bin/mocha.js')
    const child = spawn(process.execPath, [bin, ...args], { cwd: at.folder, env: { ...env, NO_COLOR: '1' } })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk))
    const [code] = await once(child, 'close')
    return { code, out }
  }

  for (const [file, test, flag] of [
    ['./my-idp.ts', 'my-idp.test.ts', '--import=tsx '],
    ['adapters/our-idp.mjs', 'adapters/our-idp.test.mjs', ''],
  ] as const) {
    it(`writes ${file} and a test that passes on its first run`, async () => {
      await install()
      const { code, out, err } = await at.run(['adapter', 'new', file])
      expect(err).to.equal('')
      expect(code).to.equal(0)
      expect(out).to.contain(`npx mocha ${flag}${test} `)
      // Always with tsx: the package is its sources here, not what is packed.
      const run = await mocha('--import=tsx', test)
      expect(run.out)
        .to.match(/ {2}\d{3} passing/)
        .and.not.to.match(/failing|pending/)
      expect(run.code).to.equal(0)
    })
  }

  it('writes an adapter whose test turns red when the adapter lets everybody in', async () => {
    await install()
    await at.run(['adapter', 'new', 'my-idp.ts'])
    const path = join(at.folder, 'my-idp.ts')
    const source = await readFile(path, 'utf8')
    const open = source.replace('if (!known.groups.includes(group))', 'if (group === "nobody")')
    expect(open).not.to.equal(source)
    await writeFile(path, open)
    const { code, out } = await mocha('--import=tsx', 'my-idp.test.ts', '-g', 'turns everybody else away')
    expect(out).to.contain('1 failing')
    expect(code).to.equal(1)
  })

  for (const taken of ['my-idp.ts', 'my-idp.test.ts']) {
    it(`leaves ${taken} alone when it is there, and writes nothing`, async () => {
      await at.write(taken, 'mine')
      const { code, out, err } = await at.run(['adapter', 'new', './my-idp.ts'])
      expect(code).to.equal(1)
      expect(out).to.equal('')
      expect(err).to.contain(taken).and.to.contain('choose another name')
      expect(await readdir(at.folder)).to.deep.equal([taken])
      expect(await readFile(join(at.folder, taken), 'utf8')).to.equal('mine')
    })
  }

  for (const file of ['my-idp', 'my-idp.txt', 'My_IdP.ts', "it's.ts", '.ts', 'my-idp.test.ts', '']) {
    it(`ends with 2 for the name "${file}", and writes nothing`, async () => {
      const { code, err } = await at.run(['adapter', 'new', file])
      expect(code).to.equal(2)
      expect(err)
        .to.match(/for instance|end with/)
        .and.to.contain('--help')
      expect(await readdir(at.folder)).to.deep.equal([])
    })
  }

  it('shows no control character of a folder to the terminal', async () => {
    const { code, out } = await at.run(['adapter', 'new', 'a\u001b[31m\u0007\nb/my-idp.ts'])
    expect(code).to.equal(0)
    expect(await readdir(join(at.folder, 'a\u001b[31m\u0007\nb'))).to.have.members(['my-idp.ts', 'my-idp.test.ts'])
    expect(out.replaceAll('\n', '')).not.to.match(/\p{Cc}/u)
    expect(out.trimEnd().split('\n')).to.have.length(3)
  })

  it('explains itself', async () => {
    for (const args of [
      ['adapter', '--help'],
      ['adapter', 'new', '--help'],
    ]) {
      const { code, out } = await at.run(args)
      expect(code).to.equal(0)
      expect(out).to.contain('adapter')
    }
    const { out } = await at.run(['adapter', 'new', '--help'])
    expect(out).to.contain('Examples:').and.to.contain('npx mocha').and.to.contain('docs/adapters.md')
  })
})
