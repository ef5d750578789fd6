/** `npm run tools`: installs the programs of `tools.ts`. Does nothing, and needs no network, when they are there. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installedVersion, newerNode, toolsFolder, wantedPackages } from './tools.ts'

const wanted = wantedPackages()
const complete = () =>
  newerNode() !== undefined && Object.entries(wanted).every(([name, version]) => installedVersion(name) === version)

if (complete()) console.log('The test tools are installed.')
else {
  mkdirSync(toolsFolder, { recursive: true })
  // The one install script that npm must run: it fetches the Node of this machine's kind.
  const allowScripts = { node: true, '@modelcontextprotocol/inspector': false }
  const manifest = { private: true, description: 'Written by npm run tools', dependencies: wanted, allowScripts }
  writeFileSync(join(toolsFolder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  // The prefix is said because the npm that runs this script hands down its own. Its Node is too old for the tools, which
  // is why they get another one, so its warnings about that are no news.
  const args = ['install', '--prefix', toolsFolder, '--no-audit', '--no-fund', '--loglevel=error']
  const { status, error } = spawnSync('npm', args, { cwd: toolsFolder, stdio: 'inherit' })
  if (error || status !== 0 || !complete()) {
    console.error(`The test tools could not be installed into ${toolsFolder}${error ? `: ${error.message}` : ''}.`)
    process.exitCode = 1
  }
}
