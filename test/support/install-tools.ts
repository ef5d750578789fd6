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
  const manifest = { private: true, description: 'Written by npm run tools', dependencies: wanted }
  writeFileSync(join(toolsFolder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const { status, error } = spawnSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: toolsFolder,
    stdio: 'inherit',
    // The settings of the npm that runs this script name the project's folder.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  })
  if (error || status !== 0 || !complete()) {
    console.error(`The test tools could not be installed into ${toolsFolder}${error ? `: ${error.message}` : ''}.`)
    process.exitCode = 1
  }
}
