/**
 * What each flow costs in commands to the database: by the driver's own monitoring on a MongoDB, where this machine has
 * one, and in verbs of the store on the embedded one. `npm run bench:roundtrips`.
 */
import type { StoreEngine } from '../src/store.ts'
import { costOfFlows, observedMongo } from '../test/support/flow-costs.ts'
import { REMEDY, startEngine } from '../test/support/mongo.ts'
import { embeddedData, type SharedData } from '../test/support/replicas.ts'

async function print(title: string, data: SharedData, asked: string[]): Promise<void> {
  console.log(`\n${title}`)
  for (const [flow, what] of await costOfFlows(data, asked)) {
    console.log(`  ${String(what.length).padStart(2)}  ${flow}${what.length ? `: ${what.join(', ')}` : ''}`)
  }
}

const verbs: string[] = []
const embedded = await embeddedData()
await print('Embedded store, verbs', { ...embedded, open: async (now) => listed(await embedded.open(now)) }, verbs)

const engine = await startEngine()
if (engine) {
  const commands: string[] = []
  await print(`MongoDB (${engine.description}), commands`, await observedMongo(engine, commands), commands)
  await engine.stop()
} else console.error(`\nMongoDB NOT MEASURED: there is none here. ${REMEDY}`)

function listed(store: StoreEngine): StoreEngine {
  return new Proxy(store, {
    get: (target, name: keyof StoreEngine) => {
      const verb = target[name] as ((...args: unknown[]) => unknown) | undefined
      // Whoever awaits the store looks whether it is a promise.
      if (verb === undefined) return undefined
      return (...args: unknown[]) => {
        verbs.push(name)
        return verb.apply(target, args)
      }
    },
  })
}
