/**
 * The one writer of a process: everything that is written within one turn of the event loop shares a transaction, and
 * so one flush to the disk, while each job keeps its own answer. No transaction outlives the turn.
 *
 * Other processes may write to the same file. Waiting for them is bounded: {@link LOCK_WAIT} blocks the turn, then the
 * jobs wait in the queue, and after {@link GIVE_UP} milliseconds they fail. One that nobody waits for any more is not done.
 */
import type { Until } from '../../store.ts'
import { BUSY, type Database, resultCode, type Statement } from './driver.ts'

/** Milliseconds for which SQLite itself may wait for the write lock. The event loop stands still for as long. */
export const LOCK_WAIT = 20
/** Milliseconds after which a job that never got the write lock fails. */
export const GIVE_UP = 2000
/** Rows after which the log is copied into the main file. Each touches some ten pages of it, so it stays near 20 MB. */
const CHECKPOINT_EVERY = 512

interface Job {
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly deadline: number
  readonly rows: number
  readonly until: Until
}

export interface Extent {
  /** How many rows a job may touch; one unless told. */
  readonly rows?: number | undefined
  readonly until?: Until | undefined
}

export class Writer {
  readonly #begin: Statement
  readonly #commit: Statement
  readonly #db: Database
  readonly #checkpoint: () => boolean
  readonly #giveUp: number
  #queue: Job[] = []
  #scheduled = false
  #sinceCheckpoint = 0

  constructor(db: Database, guard: Database, giveUp = GIVE_UP) {
    this.#db = db
    this.#giveUp = giveUp
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#checkpoint = checkpointer(db, guard)
  }

  /** Runs a job inside the transaction of this turn. The job may run again when a neighbour fails, so it must do
   * nothing but database work. Resolves when what it wrote is on the disk. */
  write<T>(run: () => T, { rows = 1, until = Number.POSITIVE_INFINITY }: Extent = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadline = Math.min(performance.now() + this.#giveUp, until)
      this.#queue.push({ run, resolve: resolve as (value: unknown) => void, reject, deadline, rows, until })
      this.#schedule()
    })
  }

  /** Resolves when everything written before is settled, and copies the log into the main file. */
  async drain(): Promise<void> {
    await this.write(() => undefined).catch(() => undefined)
    this.#checkpoint()
  }

  #schedule(delay = 0): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const flush = () => {
      this.#scheduled = false
      const jobs = this.#queue
      this.#queue = []
      this.#transact(jobs)
    }
    if (delay > 0) setTimeout(flush, delay)
    else setImmediate(flush)
  }

  #transact(queued: readonly Job[]): void {
    const jobs = awaited(queued)
    if (jobs.length === 0) return
    try {
      this.#begin.run()
    } catch (error) {
      this.#wait(jobs, error)
      return
    }
    const values: unknown[] = []
    try {
      for (const job of jobs) values.push(job.run())
      this.#commit.run()
    } catch (error) {
      this.#rollback()
      if (jobs.length === 1) jobs[0]?.reject(error)
      // One of them is to blame. Alone, each gets the answer it would have had without the others.
      else for (const job of jobs) this.#transact([job])
      return
    }
    jobs.forEach((job, index) => {
      job.resolve(values[index])
    })
    for (const { rows } of jobs) this.#sinceCheckpoint += rows
    if (this.#sinceCheckpoint >= CHECKPOINT_EVERY && this.#checkpoint()) this.#sinceCheckpoint = 0
  }

  #wait(jobs: readonly Job[], error: unknown): void {
    const now = performance.now()
    for (const job of jobs) {
      if (resultCode(error) === BUSY && job.deadline > now) this.#queue.push(job)
      else job.reject(error)
    }
    if (this.#queue.length > 0) this.#schedule(1 + Math.random() * 10)
  }

  #rollback(): void {
    try {
      this.#db.exec('ROLLBACK')
    } catch {
      // SQLite had rolled back by itself, as it does when the disk is full.
    }
  }
}

/** Fails the jobs that nobody waits for any more, and answers the others. */
function awaited(jobs: readonly Job[]): readonly Job[] {
  const now = performance.now()
  return jobs.filter((job) => {
    if (now < job.until) return true
    job.reject(new Error('nobody waits for it any more'))
    return false
  })
}

/**
 * A checkpoint that no other connection writes beside: a second connection holds the write lock meanwhile. SQLite before
 * 3.51.3, which is what libsql carries, can damage the file when a checkpoint meets a write that starts the log anew.
 * Answers whether it took place; it does not while another process writes.
 */
function checkpointer(db: Database, guard: Database): () => boolean {
  const lock = guard.prepare('BEGIN IMMEDIATE')
  const unlock = guard.prepare('ROLLBACK')
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  return () => {
    try {
      lock.run()
    } catch {
      return false
    }
    try {
      checkpoint.all()
      return true
    } catch {
      // The log only grows longer. A disk that is broken fails the next write, which has somebody to tell.
      return false
    } finally {
      unlock.run()
    }
  }
}
