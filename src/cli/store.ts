/** `consulate store`: looks at the store, and moves what it holds to another one. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Config } from '../config/schema.ts'
import type { StoreEngine } from '../store.ts'
import { CONFIG_OPTION } from './options.ts'
import { progressBar } from './progress.ts'

const EXPORT_HELP = `
Stop the servers first: what is spent or revoked after the export would be good again in the copy.
The file is sealed with the secret of the configuration. A command that was cut short continues when it is run again.

Example:
  $ consulate store export consulate.export --config embedded.yaml`

const IMPORT_HELP = `
Reads a file of "consulate store export" into an empty store; MongoDB is prepared by "consulate migrate" before.
The configuration needs the same issuer and secret. The whole file is checked before anything is written. A command that
was cut short is run again; what is there stays as it is.

Example:
  $ consulate store import consulate.export --config mongodb.yaml`

const STATUS_HELP = `
Example:
  $ consulate store status --config /etc/consulate/consulate.yaml`

export function storeCommand(): Command {
  const store = new Command('store').description('look at the store, and move what it holds to another one')
  store
    .command('status')
    .description('tell where the data is and how much there is')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', STATUS_HELP)
    .action(status)
  store
    .command('export')
    .argument('<file>', 'the file to write; it must not exist')
    .description('write everything into a sealed file')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', EXPORT_HELP)
    .action(exportTo)
  store
    .command('import')
    .argument('<file>', 'a file of "consulate store export"')
    .description('fill an empty store from a sealed file')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', IMPORT_HELP)
    .action(importFrom)
  return store
}

interface Options {
  readonly config?: string
}

async function withStore(
  options: Options,
  work: (engine: StoreEngine, config: Config) => Promise<void>,
): Promise<void> {
  const { sourceToServe } = await import('./source.ts')
  const { config } = await sourceToServe(options.config, undefined)
  const { openStore } = await import('../stores/open.ts')
  const engine = await openStore(config.store)
  try {
    await work(engine, config)
  } finally {
    await engine.close()
  }
}

function status(options: Options): Promise<void> {
  return withStore(options, async (engine, config) => {
    const { placeOf } = await import('../stores/open.ts')
    const { records, bytes } = await engine.size()
    const size = bytes === undefined ? '' : `, ${(bytes / 1e6).toFixed(1)} MB`
    console.log(`Store    ${placeOf(config.store)}\nRecords  ${records}${size}`)
  })
}

function exportTo(name: string, options: Options): Promise<void> {
  return withStore(options, async (engine, config) => {
    const { exportStore } = await import('../stores/move/export.ts')
    const { Ring } = await import('../stores/ring.ts')
    const file = resolve(name)
    const bar = progressBar('exporting')
    try {
      const records = await exportStore(engine, await Ring.open(engine, config), {
        file,
        issuer: config.issuer,
        report: ({ done, total }) => bar.show(done, total),
      })
      bar.end()
      console.log(`${records} records are in ${file}. It is of use only together with the secret.`)
    } finally {
      bar.end()
    }
  })
}

function importFrom(name: string, options: Options): Promise<void> {
  return withStore(options, async (engine, config) => {
    const { importStore } = await import('../stores/move/import.ts')
    const { placeOf } = await import('../stores/open.ts')
    const bar = progressBar('importing')
    try {
      const { records, written } = await importStore(engine, config, {
        file: resolve(name),
        issuer: config.issuer,
        report: ({ done, total }) => bar.show(done, total),
      })
      bar.end()
      const there = records === written ? '' : ` (${records - written} of them were there)`
      console.log(`${records} records are in the store${there}: ${placeOf(config.store)}`)
    } finally {
      bar.end()
    }
  })
}
