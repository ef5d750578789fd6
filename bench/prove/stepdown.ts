/** R6: the primary of a replica set steps down under load. */
import { migrateMongo, openMongoStore } from '../../src/stores/mongodb/index.ts'
import { database, startEngine } from '../../test/support/mongo.ts'
import { stepDown } from '../../test/support/replica-set.ts'
import { chance, sleep } from './lab.ts'
import type { Proof } from './races.ts'

const STEP_DOWNS = 5
const WRITERS = 16

export async function proveStepDown(scale: number, seed: number): Promise<Proof | string> {
  const engine = await startEngine()
  if (!engine) return 'there is no MongoDB here'
  if (engine.members === 0) {
    await engine.stop()
    return `the topology is not a replica set (${engine.description}); set MONGODB_URI to one with three members`
  }
  const random = chance(seed)
  const db = database(engine)
  await migrateMongo({ url: db.url })
  const store = await openMongoStore({ url: db.url })
  const acknowledged: string[] = []
  const firsts = new Map<string, number>()
  let stopped = false
  let refused = 0
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = 0; !stopped; n++) {
      const id = `${writer}/${n}`
      const written = await store.put({ kind: 'Grant', id, payload: id }, 'insert').catch(() => undefined)
      if (written === undefined) {
        refused += 1
        continue
      }
      acknowledged.push(id)
      const answers = await Promise.all([0, 1, 2].map(() => store.consume('Grant', id).catch(() => 'unavailable')))
      firsts.set(id, answers.filter((answer) => answer === 'first').length)
    }
  })
  const downs = Math.max(1, Math.round(STEP_DOWNS * scale))
  for (let n = 0; n < downs; n++) {
    await sleep(2000 + random() * 2000)
    await stepDown(engine)
  }
  await sleep(15_000)
  stopped = true
  await Promise.all(writers)
  let lost = 0
  for (const id of acknowledged) if (!(await store.get('Grant', id))) lost += 1
  const doubled = [...firsts.values()].filter((count) => count > 1).length
  await store.close()
  await db.drop()
  await engine.stop()
  return {
    ok: lost === 0 && doubled === 0,
    figures: [
      `${downs} step-downs of ${engine.description}, ${acknowledged.length} grants acknowledged, ${refused} refused as unavailable`,
      `${lost} lost, ${doubled} spent twice`,
    ],
  }
}
