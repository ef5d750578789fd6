/**
 * Programs for tests that `npm install` does not bring: a newer Node and what needs one. `npm run tools` puts them into a
 * folder that git ignores; this file says which they are and finds them again.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { leaveOut } from './leave-out.ts'

/** The first Node that all of them run on. */
const NEEDED_NODE = [22, 19] as const

/** Exact versions. The conformance suite has no tag for its newest version, and its `latest` knows no authorization mode. */
const TOOLS = {
  '@modelcontextprotocol/conformance': '0.2.0-alpha.12',
  '@modelcontextprotocol/inspector': '2.12.0',
} as const
const NODE = '24.21.0'

export type Tool = keyof typeof TOOLS

export const toolsFolder = resolve(
  process.env.CONSULATE_TEST_TOOLS || fileURLToPath(new URL('../.artifacts/tools', import.meta.url)),
)

/** What this machine needs, by package name. A Node of its own only where the running one is too old. */
export function wantedPackages(): Readonly<Record<string, string>> {
  return { ...TOOLS, ...(runsOnThisNode() ? {} : { node: NODE }) }
}

/** The version of a package in the tools folder, or undefined when it is not there. */
export function installedVersion(name: string): string | undefined {
  return manifest(name)?.version
}

/** A Node that the tools run on: the one that runs the tests, else the one of the tools folder. */
export function newerNode(): string | undefined {
  if (runsOnThisNode()) return process.execPath
  const installed = join(toolsFolder, 'node_modules/.bin/node')
  return existsSync(installed) ? installed : undefined
}

/** How to run a tool: its Node and its script. */
export interface Command {
  readonly node: string
  readonly script: string
}

/** Finds a tool for a suite; call it in `before`. Without the tool the suite is left out. */
export function needTool(suite: Mocha.Context, tool: Tool): Command {
  const node = newerNode()
  const script = installedVersion(tool) === TOOLS[tool] ? scriptOf(tool) : undefined
  if (node && script) return { node, script }
  return leaveOut(suite, `no ${tool} ${TOOLS[tool]}`, 'Run: npm run tools')
}

interface Manifest {
  readonly version: string
  readonly bin?: Readonly<Record<string, string>>
}

function manifest(name: string): Manifest | undefined {
  const file = join(toolsFolder, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Manifest) : undefined
}

/** The first program that the package offers. */
function scriptOf(name: string): string | undefined {
  const [script] = Object.values(manifest(name)?.bin ?? {})
  return script && join(dirname(join(toolsFolder, 'node_modules', name, 'package.json')), script)
}

function runsOnThisNode(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [neededMajor, neededMinor] = NEEDED_NODE
  return major > neededMajor || (major === neededMajor && minor >= neededMinor)
}
