/**
 * The two SQLite drivers behind one small interface. `node:sqlite` needs nothing installed and is used where Node ships
 * it without a warning; `libsql` carries its own binary inside npm and runs everywhere else. The SQL is the same.
 */

export type Value = string | number | null
/** Bytes are an ArrayBuffer from libsql and a Uint8Array from `node:sqlite`. */
export type Row = Readonly<Record<string, Value | Uint8Array | ArrayBuffer>>

export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint }
  all(...values: Value[]): Row[]
}

export interface Database {
  exec(sql: string): unknown
  prepare(sql: string): Statement
  close(): unknown
}

export type DriverName = 'node:sqlite' | 'libsql'

type DatabaseClass = new (file: string) => Database

/** `node:sqlite` from the releases that made it a release candidate: before them it prints an ExperimentalWarning. */
export function defaultDriver(version: string = process.versions.node): DriverName {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const silent = major >= 26 || (major === 25 && minor >= 7) || (major === 24 && minor >= 15)
  return silent ? 'node:sqlite' : 'libsql'
}

/** @throws {Error} when this platform has no such driver. */
export async function loadDriver(name: DriverName): Promise<DatabaseClass> {
  if (name === 'libsql') {
    try {
      return (await import('libsql')).default as unknown as DatabaseClass
    } catch (cause) {
      throw new Error('The package libsql has no binary for this platform; run on Node 24.15 or later instead.', {
        cause,
      })
    }
  }
  const builtin = process.getBuiltinModule(name) as { DatabaseSync: DatabaseClass } | undefined
  if (!builtin) throw new Error('This version of Node has no node:sqlite.')
  return builtin.DatabaseSync
}

/** The primary result code of SQLite, whichever driver the error came from; 0 when it is not an error of SQLite. */
export function resultCode(error: unknown): number {
  const { errcode, rawCode } = error as { errcode?: number; rawCode?: number }
  return (errcode ?? rawCode ?? 0) & 0xff
}

export const BUSY = 5
export const NOT_A_DATABASE = 26
