/** Opens the file of the embedded store: settings, schema and version, and one clear sentence when it cannot be used. */
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUSY, type Database, type DriverName, loadDriver, NOT_A_DATABASE, resultCode } from './driver.ts'
import { SCHEMA, SCHEMA_VERSION } from './rows.ts'
import { GIVE_UP, LOCK_WAIT } from './writer.ts'

export interface Connections {
  readonly db: Database
  /** Only ever holds the write lock; see `writer.ts`. */
  readonly guard: Database
  /** Whether the file still lies where it was opened. Deleted or replaced, it takes writes that nobody will find. */
  readonly inPlace: () => boolean
}

/** Bytes of the log that are kept when it begins anew. */
const LOG_LIMIT = 32 * 1024 * 1024

/** @throws {Error} one sentence that names the setting `store.path`. */
export async function connect(file: string, driver: DriverName): Promise<Connections> {
  const DatabaseClass = await loadDriver(driver)
  const deadline = performance.now() + GIVE_UP
  for (;;) {
    const opened: Database[] = []
    const openOne = () => {
      const db = new DatabaseClass(file)
      opened.push(db)
      return db
    }
    try {
      // SQLite gives its log files the mode of the main file.
      await (await open(file, 'a', 0o600)).close()
      const db = openOne()
      prepare(db, file)
      const guard = openOne()
      guard.exec('PRAGMA busy_timeout = 0')
      const identity = identityOf(file)
      return { db, guard, inPlace: () => identity !== undefined && identityOf(file) === identity }
    } catch (error) {
      for (const db of opened) db.close()
      if (error instanceof Refused) throw new Error(error.message)
      if (resultCode(error) === NOT_A_DATABASE) {
        throw new Error(`store.path: ${file} is not a database of Consulate; name another folder.`, { cause: error })
      }
      if (resultCode(error) !== BUSY || performance.now() > deadline) {
        throw new Error(`store.path: ${file} cannot be opened (${(error as Error).message}).`, { cause: error })
      }
      await sleep(5 + Math.random() * 20)
    }
  }
}

function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

class Refused extends Error {}

function prepare(db: Database, file: string): void {
  db.exec(`PRAGMA busy_timeout = ${LOCK_WAIT}`)
  // Before the first table: afterwards only a VACUUM of the whole file would turn it on.
  db.exec('PRAGMA auto_vacuum = INCREMENTAL')
  db.exec('PRAGMA journal_mode = WAL')
  db.exec('PRAGMA synchronous = FULL')
  db.exec('PRAGMA wal_autocheckpoint = 0')
  // What it grew to while somebody read for long is given back.
  db.exec(`PRAGMA journal_size_limit = ${LOG_LIMIT}`)
  db.exec('BEGIN IMMEDIATE')
  const version = Number(db.prepare('PRAGMA user_version').all()[0]?.user_version)
  if (version > SCHEMA_VERSION) {
    db.exec('ROLLBACK')
    throw new Refused(
      `store.path: ${file} was written by a newer version of Consulate (schema ${version}, this one knows ${SCHEMA_VERSION}); start that version again or name another folder.`,
    )
  }
  if (version === 0) db.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}`)
  db.exec('COMMIT')
}
