/**
 * What each flow costs in commands to the database: by the driver's own monitoring on a MongoDB, where this machine has
 * one, and in verbs of the store on the embedded one. `npm run bench:roundtrips`.
 */
import type { StoreEngine } from '../src/store.ts'
import { migrateMongo, openMongoStore } from '../src/stores/mongodb/index.ts'
import { authorizationRequest, exchange, refresh, register, signIn } from '../test/support/client.ts'
import { database, REMEDY, startEngine } from '../test/support/mongo.ts'
import { embeddedData, type SharedData, startReplicas } from '../test/support/replicas.ts'

type Flow = readonly [name: string, run: () => Promise<unknown>]

/** Commands that the driver sends on its own account. */
const HOUSEKEEPING = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions'])

async function measure(title: string, data: SharedData, seen: string[]): Promise<void> {
  const replicas = await startReplicas(1, data)
  const { url } = replicas
  const client = await register(url)
  const request = authorizationRequest(url, client)
  let code = ''
  let token = ''
  const flows: readonly Flow[] = [
    ['register', () => register(url)],
    [
      'authorization, from the request to the code',
      async () => {
        code = (await signIn(request)).searchParams.get('code') ?? ''
      },
    ],
    [
      'token',
      async () => {
        token = (await exchange(url, client, request, code)).body.refresh_token
      },
    ],
    ['refresh', () => refresh(url, client, token)],
    ['metadata', () => fetch(`${url}/.well-known/oauth-authorization-server`)],
    ['keys', () => fetch(`${url}/jwks`)],
  ]
  console.log(`\n${title}`)
  for (const [name, run] of flows) {
    seen.length = 0
    await run()
    const commands = seen.filter((command) => !HOUSEKEEPING.has(command))
    console.log(`  ${String(commands.length).padStart(2)}  ${name}${commands.length ? `: ${commands.join(', ')}` : ''}`)
  }
  await replicas.close()
}

const verbs: string[] = []
const embedded = await embeddedData()
await measure('Embedded store, verbs', { ...embedded, open: async (now) => listed(await embedded.open(now)) }, verbs)

const engine = await startEngine()
if (engine) {
  const commands: string[] = []
  const db = database(engine)
  await migrateMongo({ url: db.url })
  await measure(
    `MongoDB (${engine.description}), commands`,
    {
      open: (now) => openMongoStore({ url: db.url, now, onCommand: (name) => commands.push(name) }),
      remove: () => db.drop(),
    },
    commands,
  )
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
