/** `consulate keys`: upkeep of what the data is sealed with. */
import { Command } from 'commander'
import { CONFIG_OPTION } from './options.ts'
import { progressBar } from './progress.ts'

const EXAMPLES = `
Servers go on while the secret changes:
  1. In the configuration of every server write the new secret as "secret" and the one before under "previousSecrets".
     Restart the servers, one after the other. All of them still write with the old secret.
  2. Run this command. Every server changes over within five seconds, and all data is sealed with the new secret.
  3. Remove "previousSecrets" and restart once more.

What was cut short is done by running it again. Hashes of identifiers stay as they are (docs/storage.md).

Example:
  $ consulate keys rotate-secret --config /etc/consulate/consulate.yaml`

export function keysCommand(): Command {
  const keys = new Command('keys').description('what the data is sealed with')
  keys
    .command('rotate-secret')
    .description('seal all data with the secret of the configuration, while servers run')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', EXAMPLES)
    .action(rotate)
  return keys
}

async function rotate(options: { config?: string }): Promise<void> {
  const { configFile, sourceToServe } = await import('./source.ts')
  if (configFile(options.config) === undefined) {
    throw new Error('Without a configuration the secret lies in ./data/secret; write a configuration first (--config).')
  }
  const { config } = await sourceToServe(options.config, undefined)
  const { openStore } = await import('../stores/open.ts')
  const { Ring } = await import('../stores/ring.ts')
  const { rotateSecret } = await import('../stores/reseal.ts')
  const engine = await openStore(config.store)
  const bar = progressBar('sealing')
  try {
    const { resealed, broken } = await rotateSecret(engine, await Ring.open(engine, config), ({ seen, total }) =>
      bar.show(seen, total),
    )
    bar.end()
    console.log(`All data is sealed with "secret" of the configuration; ${resealed} records were sealed anew.`)
    if (broken > 0) {
      console.error(
        `${broken} damaged records could not be opened with any configured secret and were left as they are.`,
      )
    }
    if (config.previousSecrets.length > 0) console.log('"previousSecrets" is no longer needed.')
  } finally {
    bar.end()
    await engine.close()
  }
}
