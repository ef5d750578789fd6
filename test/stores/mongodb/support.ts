/** What the suites of the MongoDB store share: whether this machine has an engine to run them on. */
import { leaveOut } from '../../support/leave-out.ts'
import { type Engine, REMEDY, sharedEngine } from '../../support/mongo.ts'

/** Leaves the surrounding suite out when no engine can be found. */
export function needsEngine(): void {
  before(async function () {
    this.timeout(60_000)
    if (!(await sharedEngine())) leaveOut(this, 'no MongoDB', REMEDY)
  })
}

export async function engineHere(): Promise<Engine> {
  const engine = await sharedEngine()
  if (!engine) throw new Error('the suite has no needsEngine()')
  return engine
}
