/** `consulate migrate`: prepares the database for this version. */
import { Command } from 'commander'
import { CONFIG_OPTION } from './options.ts'

const EXAMPLES = `
MongoDB: makes the indexes that are missing and notes the schema version. Run it before servers of a new version start;
it may run again, and while servers run. The embedded store prepares itself, so there it only looks.

Examples:
  $ consulate migrate
  $ consulate migrate --config /etc/consulate/consulate.yaml`

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('make the indexes and the schema that this version needs')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', EXAMPLES)
    .action(migrate)
}

async function migrate(options: { config?: string }): Promise<void> {
  const { sourceToServe } = await import('./source.ts')
  const { store } = (await sourceToServe(options.config, undefined)).config
  const { migrateStore, openStore, placeOf } = await import('../stores/open.ts')
  const migration = await migrateStore(store)
  if (migration) {
    const { created, refused, version } = migration
    console.log(created.length === 0 ? 'Every index was there.' : `Indexes made: ${created.join(', ')}.`)
    if (refused.length > 0) {
      console.error(
        `This database does not support the indexes ${refused.join(', ')}; without them it works more slowly.`,
      )
    }
    console.log(`Schema version ${version}.`)
  } else {
    await (await openStore(store)).close()
    console.log('The embedded store is prepared; it needs nothing else.')
  }
  console.log(`Ready: ${placeOf(store)}`)
}
