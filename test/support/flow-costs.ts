/** What each flow of a client asks of its store: one issuer on data that notes what it is asked for. */
import { authorizationRequest, exchange, refresh, register, signIn } from './client.ts'
import { database, type Engine } from './mongo.ts'
import { type SharedData, startReplicas } from './replicas.ts'

export type Flow = 'register' | 'authorization' | 'token' | 'refresh' | 'metadata' | 'keys'

/** Commands that the driver sends on its own account. */
const HOUSEKEEPING = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions'])

/** A database of its own; `asked` gets the name of each command, by the driver's own monitoring. */
export async function observedMongo(engine: Engine, asked: string[]): Promise<SharedData> {
  const { migrateMongo, openMongoStore } = await import('../../src/stores/mongodb/index.ts')
  const { url, drop } = database(engine)
  await migrateMongo({ url })
  const onCommand = (name: string) => {
    if (!HOUSEKEEPING.has(name)) asked.push(name)
  }
  return { open: (now) => openMongoStore({ url, now, onCommand }), remove: drop }
}

/** Runs each flow once and answers what it asked for, in order. `asked` is where the data notes it.
 * @throws {Error} when a flow does not succeed, since a refusal may cost less */
export async function costOfFlows(data: SharedData, asked: string[]): Promise<ReadonlyMap<Flow, readonly string[]>> {
  const replicas = await startReplicas(1, data)
  const { url } = replicas
  const costs = new Map<Flow, readonly string[]>()
  const measure = async <T>(flow: Flow, run: () => Promise<T>): Promise<T> => {
    asked.length = 0
    const result = await run()
    costs.set(flow, [...asked])
    return result
  }
  try {
    // The first one of a server also counts how many clients there are.
    await register(url)
    const client = await measure('register', () => register(url))
    const request = authorizationRequest(url, client)
    const back = await measure('authorization', () => signIn(request))
    const code = back.searchParams.get('code') ?? ''
    const { body } = await measure('token', async () => successful(await exchange(url, client, request, code)))
    await measure('refresh', async () => successful(await refresh(url, client, body.refresh_token)))
    await measure('metadata', async () => successful(await fetch(`${url}/.well-known/oauth-authorization-server`)))
    await measure('keys', async () => successful(await fetch(`${url}/jwks`)))
    return costs
  } finally {
    await replicas.close()
  }
}

function successful<T extends { readonly status: number }>(answer: T): T {
  if (answer.status !== 200) throw new Error(`a flow that is measured answered ${answer.status}`)
  return answer
}
