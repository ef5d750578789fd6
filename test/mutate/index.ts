/**
 * `npm run mutate`: plants one fault at a time in a copy of this tree and demands that a test of the adapters turns red.
 *
 * Prints which test caught which fault. Ends with 1 when a fault survives, when its text is no longer in the source, and
 * when the tests are red without a fault. The tree itself is never written to. `npm run mutate nonce` plants only the
 * faults that have "nonce" in their names.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ADAPTER_FAULTS } from './adapter-faults.ts'
import { FAULTS, type Fault } from './faults.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = ['adapters', 'src', 'test', 'docs', 'views', 'package.json', 'tsconfig.json', '.mocharc.json']
/** Nothing but a test without an end takes this long. */
const LIMIT_MS = 180_000

interface Run {
  /** Undefined when mocha could not even begin. */
  readonly tests: number | undefined
  /** The full title of the first test that failed. */
  readonly red: string | undefined
  readonly output: string
}

interface Report {
  readonly stats: { readonly tests: number }
  readonly failures: readonly { readonly fullTitle: string }[]
}

async function copyTree(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'consulate-mutate-'))
  for (const name of COPIED) await cp(join(root, name), join(copy, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Runs the test files of some adapters, up to the first failure. */
async function runTests(copy: string, names: readonly string[]): Promise<Run> {
  const report = join(copy, 'report.json')
  await rm(report, { force: true })
  const files = (await readdir(join(copy, 'test/adapters'), { recursive: true })).filter((file) =>
    names.some((name) => file.endsWith('.test.ts') && new RegExp(`^${name}(\\.test|-|/)`).test(file)),
  )
  if (files.length === 0) return { tests: undefined, red: undefined, output: `there is no test of ${names}` }
  const args = ['--bail', '--reporter', 'json', '--reporter-option', `output=${report}`]
  const bin = join(root, 'node_modules/mocha/bin/mocha.js')
  const child = spawn(process.execPath, [bin, ...args, ...files.map((file) => `test/adapters/${file}`)], { cwd: copy })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  await once(child, 'close')
  clearTimeout(timer)
  const text = await readFile(report, 'utf8').catch(() => undefined)
  if (text === undefined) return { tests: undefined, red: undefined, output }
  const { stats, failures } = JSON.parse(text) as Report
  return { tests: stats.tests, red: failures[0]?.fullTitle, output }
}

/** Plants a fault, runs the tests that must catch it, takes it out again. Answers with what went wrong, if anything. */
async function plant(copy: string, { name, file, changes, caughtBy }: Fault): Promise<string | undefined> {
  const path = join(copy, file)
  const source = await readFile(path, 'utf8').catch(() => '')
  let planted = source
  for (const [find, put] of changes) {
    const count = planted.split(find).length - 1
    if (count !== 1) return `${file} has this ${count} times, not once; adapt test/mutate: ${find}`
    planted = planted.replace(find, () => put)
  }
  await writeFile(path, planted)
  const { tests, red, output } = await runTests(copy, caughtBy)
  await writeFile(path, source)
  if (tests === undefined) return `the tests could not be run with it: ${output.slice(-600)}`
  if (red === undefined) return `survived ${tests} tests of ${caughtBy.join(', ')}`
  console.log(`caught    ${name}\n          by “${red}”`)
  return undefined
}

const wanted = process.argv.slice(2)
const faults = [...FAULTS, ...ADAPTER_FAULTS].filter(({ name }) => wanted.every((word) => name.includes(word)))
if (faults.length === 0) {
  console.error(`no fault has ${wanted.join(' and ')} in its name`)
  process.exit(1)
}
const copy = await copyTree()
let failed = 0
try {
  const all = [...new Set(faults.flatMap(({ caughtBy }) => caughtBy))]
  const { tests, red, output } = await runTests(copy, all)
  if (!tests || red !== undefined) throw new Error(`red without any fault: ${red ?? output.slice(-600)}`)
  console.log(`green     ${tests} tests of ${all.join(', ')}`)
  for (const fault of faults) {
    const problem = await plant(copy, fault)
    if (problem === undefined) continue
    failed += 1
    console.log(`NOT CAUGHT  ${fault.name}\n          ${problem}`)
  }
  console.log(`${faults.length - failed} of ${faults.length} faults caught`)
} finally {
  await rm(copy, { recursive: true, force: true })
}
if (failed > 0) process.exitCode = 1
