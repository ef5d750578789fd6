import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Database, defaultDriver, loadDriver } from '../../src/stores/embedded/driver.ts'
import { Writer } from '../../src/stores/embedded/writer.ts'
import { temporaryFolder } from './support.ts'

describe('the writer of the embedded store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let open: () => Database
  let db: Database
  let other: Database
  let commits: number

  beforeEach(async () => {
    folder = await temporaryFolder()
    const DatabaseClass = await loadDriver(defaultDriver())
    open = () => {
      const opened = new DatabaseClass(join(folder.path, 'test.db'))
      opened.exec('PRAGMA journal_mode = WAL')
      opened.exec('PRAGMA busy_timeout = 0')
      return opened
    }
    db = open()
    other = open()
    db.exec('CREATE TABLE t (n INTEGER UNIQUE)')
    commits = 0
  })

  afterEach(async () => {
    db.close()
    other.close()
    await folder.remove()
  })

  /** The same database, but it counts the transactions that were committed. */
  function counting(): Database {
    return {
      exec: (sql) => db.exec(sql),
      close: () => db.close(),
      prepare(sql) {
        const statement = db.prepare(sql)
        if (sql !== 'COMMIT') return statement
        return {
          all: (...values) => statement.all(...values),
          run(...values) {
            commits += 1
            return statement.run(...values)
          },
        }
      },
    }
  }

  const rows = () =>
    other
      .prepare('SELECT n FROM t ORDER BY n')
      .all()
      .map((row) => row.n)
  const insert = (n: number) => () => {
    db.prepare('INSERT INTO t VALUES (?)').run(n)
    return n
  }

  it('commits what was written in one turn of the event loop once', async () => {
    const writer = new Writer(counting(), other)
    const answers = await Promise.all(Array.from({ length: 32 }, (_, n) => writer.write(insert(n))))
    expect(answers).to.deep.equal(Array.from({ length: 32 }, (_, n) => n))
    expect(rows()).to.have.length(32)
    expect(commits).to.equal(1)
  })

  it('answers only after the commit', async () => {
    const writer = new Writer(counting(), other)
    await writer.write(insert(1))
    expect(rows()).to.deep.equal([1])
  })

  it('undoes a job that failed half way, and none of its neighbours', async () => {
    const writer = new Writer(counting(), other)
    const results = await Promise.allSettled([
      writer.write(insert(1)),
      writer.write(() => {
        insert(2)()
        throw new Error('half way')
      }),
      writer.write(insert(1)),
      writer.write(insert(3)),
    ])
    expect(results.map((result) => result.status)).to.deep.equal(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect(rows()).to.deep.equal([1, 3])
  })

  it('waits for another process that holds the write lock', async () => {
    const writer = new Writer(counting(), open(), 60_000)
    other.exec('BEGIN IMMEDIATE')
    const early = writer.write(insert(1))
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(commits).to.equal(0)
    other.exec('COMMIT')
    expect(await Promise.all([early, writer.write(insert(2))])).to.deep.equal([1, 2])
  })

  it('gives up when the lock never comes, and works again when it does', async () => {
    const writer = new Writer(counting(), open(), 50)
    other.exec('BEGIN IMMEDIATE')
    const results = await Promise.allSettled([writer.write(insert(1)), writer.write(insert(2))])
    expect(results.map((result) => result.status)).to.deep.equal(['rejected', 'rejected'])
    other.exec('COMMIT')
    expect(await writer.write(insert(3))).to.equal(3)
    expect(rows()).to.deep.equal([3])
  })

  it('does not do what nobody waits for any more when the lock comes', async () => {
    const writer = new Writer(counting(), open(), 60_000)
    other.exec('BEGIN IMMEDIATE')
    const until = performance.now() + 50
    const jobs = Promise.allSettled([writer.write(insert(1), { until }), writer.write(insert(2))])
    // In one turn of the event loop, so that the writer cannot look in between.
    while (performance.now() < until) {}
    other.exec('COMMIT')
    expect((await jobs).map((job) => job.status)).to.deep.equal(['rejected', 'fulfilled'])
    expect(rows()).to.deep.equal([2])
  })

  it('copies the log into the main file, but not while another process writes', async () => {
    const size = async () => (await stat(join(folder.path, 'test.db'))).size
    const writer = new Writer(counting(), open(), 50)
    await writer.write(insert(1))
    const before = await size()
    other.exec('BEGIN IMMEDIATE')
    await writer.drain()
    other.exec('ROLLBACK')
    expect(await size()).to.equal(before)
    await writer.drain()
    expect(await size()).to.be.greaterThan(before)
  })
})
