/** `consulate adapter`: what an author of adapters needs. */
import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, parse, relative, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { cleanText } from '../observe/clean.ts'

const ENDINGS = ['.ts', '.mts', '.js', '.mjs']

const EXAMPLES = `
Writes two files that did not exist before: the adapter, on the shared code flow, and beside it a test that takes it
through the contract suite. Both are complete and pass as they are; change them to fit your IdP. The name of the file is
the name of the adapter. It ends with ${ENDINGS.join(', ')}.

To run the test, in a package of your own:
  $ npm install --save-dev consulate zod mocha chai tsx
  $ npx mocha --import=tsx my-idp.test.ts
Node.js from 22.18 on reads TypeScript without tsx; files that end with .mjs need neither.

docs/adapters.md says what an adapter may do, and what it must never do.

Examples:
  $ consulate adapter new ./my-idp.ts
  $ consulate adapter new ./adapters/my-idp.mjs`

interface Target {
  /** Lower-case words with hyphens: the `type` of the adapter, too. */
  readonly name: string
  readonly path: string
  readonly testPath: string
  /** How the test imports the adapter. */
  readonly specifier: string
}

export function adapterCommand(): Command {
  const adapter = new Command('adapter').description('adapters for identity providers of your own')
  adapter
    .command('new')
    .description('write an adapter and its test, as a start')
    .argument('<file>', 'the module to write, for instance ./my-idp.ts', target)
    .addHelpText('after', EXAMPLES)
    .action(create)
  return adapter
}

function target(file: string): Target {
  const path = resolve(file)
  const { dir, name, ext } = parse(path)
  if (!ENDINGS.includes(ext)) throw new InvalidArgumentError(`Let the file end with ${ENDINGS.join(', ')}.`)
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new InvalidArgumentError('Name the file in lower-case letters, digits and hyphens, for instance my-idp.ts.')
  }
  return { name, path, testPath: resolve(dir, `${name}.test${ext}`), specifier: `./${name}${ext}` }
}

async function create({ name, path, testPath, specifier }: Target): Promise<void> {
  const { adapterSource, testSource } = await import('./adapter-template.ts')
  for (const each of [path, testPath]) if (await exists(each)) throw alreadyThere(each)
  await mkdir(dirname(path), { recursive: true })
  await writeNew(path, adapterSource(name))
  await writeNew(testPath, testSource(name, specifier)).catch(async (error: unknown) => {
    // Half of it would make the next attempt fail.
    await rm(path)
    throw error
  })
  // A folder may be called anything, also what a terminal takes for a command.
  const shown = (file: string) => cleanText(relative(process.cwd(), file))
  console.log(`${shown(path)}  the adapter, type "${name}"`)
  console.log(`${shown(testPath)}  its test`)
  const flag = /ts$/.test(path) ? '--import=tsx ' : ''
  console.log(
    `Run the test with: npx mocha ${flag}${shown(testPath)} (consulate adapter new --help says what it needs)`,
  )
}

/** Also in a race with somebody else: an existing file is never written to. */
async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? alreadyThere(path) : error
  })
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function alreadyThere(path: string): Error {
  return new Error(`${path} is there already, and nothing was written; choose another name.`)
}
