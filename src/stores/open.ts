/** The store that a configuration names. The driver of MongoDB is loaded only where it is wanted. */
import type { StoreEngine } from '../store.ts'
import { openEmbeddedStore } from './embedded/index.ts'
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

/** Where the data is, for people: never with a user or password. */
export function placeOf(config: StoreConfig): string {
  if (config.type === 'embedded') return `embedded, ${config.path}`
  return `mongodb, ${hostsOf(config.url)}/${databaseOf(config.url)}`
}
