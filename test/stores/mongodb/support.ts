/** What the suites of the MongoDB store share: whether this machine has an engine to run them on, and a database there. */
import { migrateMongo } from '../../../src/stores/mongodb/index.ts'
import { database, type Engine, sharedEngine, type TestDatabase } from '../../support/mongo.ts'
import { leaveOutMongo } from '../../support/needs-mongo.ts'

/** Leaves the surrounding suite out when no engine can be found. */
export function needsEngine(): void {
  before(async function () {
    this.timeout(60_000)
    if (!(await sharedEngine())) leaveOutMongo(this)
  })
}

/** Leaves the surrounding suite out, and lists its tests by name, unless the engine is a replica set of so many members.
 * No machine that builds this has one, so it is left out also where nothing else may be. */
export function needsReplicaSet(members: number): void {
  before(async function () {
    this.timeout(60_000)
    const engine = await sharedEngine()
    if (!engine) leaveOutMongo(this)
    if (engine.members >= members) return
    const suite = this.test?.parent
    const titles = suite?.tests.map((test) => `\n       - ${suite.title}: ${test.title}`).join('')
    console.error(
      `\n  !! NOT RUN, the topology is ${engine.description}; set MONGODB_URI to a replica set of ${members} members or more:${titles}\n`,
    )
    this.skip()
  })
}

export async function engineHere(): Promise<Engine> {
  const engine = await sharedEngine()
  if (!engine) throw new Error('the suite has no needsEngine()')
  return engine
}

/** A database of its own, as `consulate migrate` prepares it. */
export async function preparedDatabase(): Promise<TestDatabase> {
  const db = database(await engineHere())
  await migrateMongo({ url: db.url })
  return db
}
