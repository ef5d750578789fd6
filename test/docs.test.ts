import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { adapterSource, testSource } from '../src/cli/adapter-template.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files below a folder of the repository, as paths from its root. */
async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const found = entries
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path, ending)
      return entry.name.endsWith(ending) ? [path] : []
    })
  return (await Promise.all(found)).flat().sort()
}

async function documents(): Promise<{ readonly path: string; readonly text: string }[]> {
  const paths = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'test/README.md', ...(await filesBelow('docs', '.md'))]
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })))
}

describe('test/README.md', () => {
  it('names every test file, and none that is not there', async () => {
    const text = await readFile(join(root, 'test/README.md'), 'utf8')
    const named = new Set([...text.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file]) => `test/${file}`))
    expect([...named]).to.have.members(await filesBelow('test', '.test.ts'))
  })

  it('quotes titles of describe() and it() that are in the file beside them', async () => {
    const text = await readFile(join(root, 'test/README.md'), 'utf8')
    const rows = text.split('\n').filter((line) => line.startsWith('|'))
    let quotes = 0
    for (const row of rows) {
      for (const [, file = '', titles = ''] of row.matchAll(/`([\w./-]+\.ts)`((?:,? “[^”]+”)+)/g)) {
        const source = (await readFile(join(root, 'test', file), 'utf8')).replaceAll("\\'", "'")
        for (const [, title = ''] of titles.matchAll(/“([^”]+)”/g)) {
          quotes += 1
          expect(source.includes(title), `${file} has no “${title}”`).to.equal(true)
        }
      }
    }
    expect(quotes).to.be.greaterThan(50)
  })
})

describe('npm run test:mongo', () => {
  it('runs every test file that asks for a MongoDB, and none that is not there', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const [mocha, ...patterns] = String(scripts['test:mongo']).replaceAll('"', '').split(' ')
    expect(mocha).to.equal('mocha')
    const files = await filesBelow('test', '.test.ts')
    const run = patterns.map((pattern) => files.filter((file) => globbed(pattern).test(file)))
    for (const [n, found] of run.entries()) expect(found, patterns[n]).to.not.deep.equal([])
    // An engine comes from support/mongo.ts, or to the suites of the store from support.ts beside them.
    const asking = /^import .*(?:support\/(?:needs-)?mongo|mongodb\/support)\.ts'$/m
    for (const file of files) {
      const asks = file.startsWith('test/stores/mongodb/') || asking.test(await readFile(join(root, file), 'utf8'))
      expect(run.flat().includes(file), file).to.equal(asks)
    }
  })
})

/** As mocha reads the patterns of its files: `**` for any folders, `*` for any name. */
function globbed(pattern: string): RegExp {
  const literal = (text: string) => text.replace(/[.+^$()[\]{}|\\?]/g, '\\$&')
  const name = (text: string) => text.split('*').map(literal).join('[^/]*')
  return new RegExp(`^${pattern.split('**/').map(name).join('(?:.*/)?')}$`)
}

describe('the documentation', () => {
  it('links to files that exist', async () => {
    const broken: string[] = []
    for (const { path, text } of await documents()) {
      const prose = text.replace(/^```[\s\S]*?^```/gm, '')
      for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        const [file = ''] = target.split('#', 1)
        if (/^[a-z]+:/.test(target) || file === '') continue
        if (!existsSync(join(root, dirname(path), file))) broken.push(`${path}: ${target}`)
      }
    }
    expect(broken).to.deep.equal([])
  })

  it('has examples that the compiler accepts', async function () {
    this.timeout(120_000)
    // Inside the repository, so that the examples find its packages.
    await mkdir(join(root, 'test/.artifacts'), { recursive: true })
    const folder = await mkdtemp(join(root, 'test/.artifacts/examples-'))
    try {
      const count = await writeExamples(folder)
      expect(count).to.be.greaterThan(3)
      const tsc = join(root, 'node_modules/typescript/bin/tsc')
      const run = promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: root })
      const complaints = await run.then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      )
      expect(complaints).to.equal('')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** What an example may take from the program around it, when it does not declare it itself. */
const SURROUNDINGS = {
  app: `declare const app: {
    use(handler: (req: Incoming, res: Outgoing, next: (error?: unknown) => void) => unknown): unknown
    all(path: string, handler: (req: Incoming & { method: string; url: string }, res: Outgoing) => unknown): unknown
  }
  type Incoming = import('node:http').IncomingMessage
  type Outgoing = import('node:http').ServerResponse`,
  auth: `declare const auth: import('consulate/mcp').ProtectedResource`,
}

/** Writes each example into a file of its own, and a project in which `consulate` is the source beside it. */
async function writeExamples(folder: string): Promise<number> {
  let count = 0
  for (const { path, text } of await documents()) {
    for (const [, code = ''] of text.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)) {
      const missing = Object.entries(SURROUNDINGS).filter(
        ([name]) => new RegExp(`\\b${name}\\.`).test(code) && !new RegExp(`\\bconst ${name}\\b`).test(code),
      )
      count += 1
      const declarations = missing.map(([, declaration]) => declaration).join('\n')
      const name = `${path.replace(/\W+/g, '-')}-${count}.ts`
      await writeFile(join(folder, name), `${declarations}\n${code}\nexport {}\n`)
    }
  }
  // What the examples import from beside them, and what `consulate adapter new` writes.
  await writeFile(join(folder, 'github.ts'), `export * from '${relative(folder, join(root, 'adapters/github.ts'))}'\n`)
  await writeFile(join(folder, 'my-idp.ts'), adapterSource('my-idp'))
  await writeFile(join(folder, 'my-idp.test.ts'), testSource('my-idp', './my-idp.ts'))
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../../tsconfig.json',
      compilerOptions: { noEmit: true, rootDir: root, paths: await packagePaths(folder) },
      include: ['*.ts'],
    }),
  )
  return count
}

/** The entry points that package.json publishes, as the sources that they are built from. */
async function packagePaths(from: string): Promise<Record<string, string[]>> {
  const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const paths: Record<string, string[]> = {}
  for (const [entry, target] of Object.entries(exports as Record<string, string | { types: string }>)) {
    if (typeof target === 'string') continue
    const source = target.types.replace('./dist/', '').replace(/\.d\.ts$/, '.ts')
    paths[`consulate${entry.slice(1)}`] = [`${relative(from, join(root, source))}`]
  }
  return paths
}
