/** `consulate check`: lists every mistake of a configuration, or what it amounts to. */
import { Command } from 'commander'
import { callbackUrl } from '../url.ts'
import { CONFIG_OPTION } from './options.ts'
import type { Source } from './source.ts'

const EXAMPLES = `
Ends with 0 when the configuration can be used, else with 1. Starts nothing and writes nothing.

Examples:
  $ consulate check
  $ consulate check --config /etc/consulate/consulate.yaml`

export function checkCommand(): Command {
  return new Command('check')
    .description('validate a configuration and list every mistake in it')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', EXAMPLES)
    .action(async (options: { config?: string }) => {
      const { sourceToCheck } = await import('./source.ts')
      console.log(summary(await sourceToCheck(options.config)))
    })
}

function summary({ config, file }: Source): string {
  const idps = config.idps.map(
    ({ id, name, type }) => `  ${id}: ${name} (${type})\n    ${callbackUrl(config.issuer, id).href}`,
  )
  const resources = config.resources.map(
    ({ resource, name, scopes }) => `  ${resource}\n    ${name}: ${Object.keys(scopes).join(' ')}`,
  )
  return [
    file === undefined
      ? 'There is no configuration file, so the built-in one for development is used.'
      : `${file} can be used.`,
    `Issuer: ${config.issuer}${config.development ? ' (development mode)' : ''}`,
    'Identity providers, each with the one redirect URI to register there:',
    ...idps,
    'MCP servers:',
    ...resources,
  ].join('\n')
}
