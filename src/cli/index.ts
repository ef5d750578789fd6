#!/usr/bin/env node
/**
 * The `consulate` command. One file per command; this one puts them together and decides how the process ends: 0 when
 * all went well, 1 when the work could not be done, 2 when the command line was wrong.
 *
 * What a command works with, it imports when it runs: reading the command line and its help waits for nothing else.
 */
import { Command } from 'commander'
import { adapterCommand } from './adapter.ts'
import { checkCommand } from './check.ts'
import { demoCommand, type StartIssuer } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { explain } from './failure.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { serveCommand } from './serve.ts'
import { storeCommand } from './store.ts'
import { version } from './version.ts'

const EXAMPLES = `
Examples:
  $ consulate serve                            run in development mode
  $ consulate check --config consulate.yaml    find every mistake in a configuration
  $ consulate serve --config consulate.yaml    run with a configuration
  $ consulate demo --auto                      play the journey of an MCP client`

const startForDemo: StartIssuer = async ({ port, dataPath }) => {
  const { sourceForDemo } = await import('./source.ts')
  const { createLog } = await import('../observe/log.ts')
  const { serve } = await import('../main.ts')
  const { config, adapterTypes } = await sourceForDemo(port, dataPath)
  return serve(config, { adapterTypes, log: createLog({ level: 'silent', format: 'json' }) })
}

const program = new Command('consulate')
  .description('An OAuth 2.1 authorization server for MCP clients, in front of the identity provider you have.')
  .version(version(), '-v, --version', 'print the version')
  .addHelpText('after', EXAMPLES)

const commands = [
  serveCommand(),
  checkCommand(),
  doctorCommand(),
  demoCommand(startForDemo),
  migrateCommand(),
  storeCommand(),
  keysCommand(),
  adapterCommand(),
]
for (const command of commands) program.addCommand(command)
for (const command of [program, ...commands, ...commands.flatMap(({ commands: nested }) => nested)]) {
  command.exitOverride().showHelpAfterError('Add --help for help.')
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = explain(error)
  // A worker would wait for its primary for ever.
  if (process.channel) process.exit()
}
