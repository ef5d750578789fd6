import { createRequire } from 'node:module'

/** The version of this package, from wherever its compiled or its source files lie. */
export function version(): string {
  const { version } = createRequire(import.meta.url)('consulate/package.json') as { version: string }
  return version
}
