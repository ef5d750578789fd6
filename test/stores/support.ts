/** What the tests of stores share: a folder that goes away again, the drivers that run here, and child processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { on } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoreEngine } from '../../src/store.ts'
import type { DriverName } from '../../src/stores/embedded/driver.ts'
import { Ring } from '../../src/stores/ring.ts'
import { type SealedStore, sealStore } from '../../src/stores/seal.ts'

export const DRIVERS: readonly DriverName[] = process.getBuiltinModule('node:sqlite')
  ? ['libsql', 'node:sqlite']
  : ['libsql']

/** What an issuer with this secret sees of an engine. */
export async function withSeal(engine: StoreEngine, secret: string): Promise<SealedStore> {
  return sealStore(engine, await Ring.open(engine, { secret }))
}

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'consulate-store-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Every byte of every file of a folder, as text of one character per byte. */
export async function dump(folder: string): Promise<string> {
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')))
  return files.join('\n')
}

export interface Child {
  readonly process: ChildProcess
  /** The next message of the child. */
  next(): Promise<unknown>
}

/** Starts `child.ts` and waits until it has opened its store. */
export async function startChild(task: 'race' | 'write', folder: string, driver: DriverName): Promise<Child> {
  const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [task, folder, driver], {
    execArgv: ['--import', 'tsx', '--no-warnings'],
  })
  const messages = on(child, 'message', { close: ['exit'] })
  const next = async () => {
    const { value, done } = await messages.next()
    if (done) throw new Error(`the child ended with ${child.exitCode ?? child.signalCode}`)
    return value[0]
  }
  await next()
  return { process: child, next }
}
