/** The store that a configuration names. The driver of MongoDB is loaded only where it is wanted. */
import type { StoreEngine } from '../store.ts'
import { openEmbeddedStore } from './embedded/index.ts'
import type { Migration } from './mongodb/schema.ts'
import { databaseOf, hostsOf } from './mongodb/url.ts'

export type StoreConfig =
  | { readonly type: 'embedded'; readonly path: string }
  | { readonly type: 'mongodb'; readonly url: string }

interface OpenLog {
  warn(message: string): void
}

/** @throws {Error} one sentence that names the setting to change */
export async function openStore(config: StoreConfig, log?: OpenLog): Promise<StoreEngine> {
  if (config.type === 'embedded') return openEmbeddedStore({ path: config.path })
  const { openMongoStore } = await import('./mongodb/index.ts')
  return openMongoStore({ url: config.url, warn: (message) => log?.warn(message) })
}

/** Prepares a MongoDB for this version: its indexes, its schema version. The embedded store prepares itself.
 * @throws {Error} one sentence that names the setting to change */
export async function migrateStore(config: StoreConfig): Promise<Migration | undefined> {
  if (config.type === 'embedded') return undefined
  const { migrateMongo } = await import('./mongodb/index.ts')
  return migrateMongo({ url: config.url })
}

/** Where the data is, for people: never with a user or password. */
export function placeOf(config: StoreConfig): string {
  if (config.type === 'embedded') return `embedded, ${config.path}`
  return `mongodb, ${hostsOf(config.url)}/${databaseOf(config.url)}`
}
