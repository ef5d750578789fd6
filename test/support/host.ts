import type { Host } from '../../src/adapter.ts'

/** What an adapter is given in tests: no network and no files, unless they are put in. */
export function testHost(parts: Partial<Host> = {}): Host {
  const id = parts.id ?? 'idp'
  return {
    id,
    redirectUri: new URL(`https://auth.example.com/callback/${id}`),
    fetch: () => Promise.reject(new Error('no network')),
    now: () => new Date(),
    readFile: () => Promise.reject(new Error('no files')),
    warn: () => undefined,
    ...parts,
  }
}
