/** Finds the configuration that a command works with, and gives it the built-in adapters. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { adapters } from '../../adapters/index.ts'
import type { AdapterType } from '../adapter.ts'
import { type DevelopmentOptions, developmentConfig } from '../config/development.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { localSecret } from '../stores/local-secret.ts'
import { isLoopbackHost } from '../url.ts'

export interface Source {
  readonly config: Config
  readonly adapterTypes: readonly AdapterType[]
  /** The file it came from; absent for the built-in development configuration. */
  readonly file?: string
}

export const DEFAULT_FILE = 'consulate.yaml'
const DATA_FOLDER = 'data'

/** `--config`, else `$CONSULATE_CONFIG`, else `./consulate.yaml` when it exists. */
export function configFile(given: string | undefined): string | undefined {
  const named = given ?? process.env.CONSULATE_CONFIG
  if (named) return named
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined
}

/** Reads the configuration to serve. @throws {ConfigError} @throws {Error} when the data folder cannot be used. */
export async function sourceToServe(given: string | undefined, port: number | undefined): Promise<Source> {
  const file = configFile(given)
  if (file === undefined) {
    const dataFolder = resolve(DATA_FOLDER)
    return development({ dataFolder, secret: await localSecret(dataFolder), ...(port !== undefined && { port }) })
  }
  const { config, adapterTypes } = await loadConfig(file, adapters)
  if (port !== undefined) refuseOtherPort(config.issuer, port, file)
  const listen = { ...config.listen, ...(port !== undefined && { port }) }
  return { config: { ...config, listen }, adapterTypes, file: resolve(file) }
}

/**
 * Behind a proxy the port of the issuer is the proxy's. An issuer that speaks plain http on this machine has none: its
 * port is in every address that clients are given, and nobody would answer there.
 */
function refuseOtherPort(issuer: string, port: number, file: string): void {
  const url = new URL(issuer)
  if (url.protocol !== 'http:' || !isLoopbackHost(url.hostname) || Number(url.port || 80) === port) return
  url.port = String(port)
  throw new Error(
    `--port ${port} is not the port of the issuer: write "issuer: ${url.origin}${url.pathname.replace(/\/$/, '')}" in ${file}.`,
  )
}

/** Development mode for one demo, with data of its own. @throws {Error} when the folder cannot be used. */
export async function sourceForDemo(port: number, dataFolder: string): Promise<Source> {
  return development({ port, dataFolder, secret: await localSecret(dataFolder) })
}

/** Reads the configuration to look at. Writes nothing. @throws {ConfigError} */
export async function sourceToCheck(given: string | undefined): Promise<Source> {
  const file = configFile(given)
  if (file === undefined) {
    return development({ dataFolder: resolve(DATA_FOLDER), secret: randomBytes(32).toString('base64url') })
  }
  return { ...(await loadConfig(file, adapters)), file: resolve(file) }
}

function development(options: DevelopmentOptions): Source {
  return { config: developmentConfig(options), adapterTypes: adapters }
}
