/** What can be done to the members of a real replica set, with the rights of `clusterManager` and `hostManager`. */
import { MongoClient } from 'mongodb'
import type { Engine } from './mongo.ts'

/** Makes the primary give up its term; another member, or the same one after ten seconds, is elected. */
export async function stepDown({ url }: Engine): Promise<void> {
  const client = await new MongoClient(url).connect()
  const admin = client.db('admin')
  // The connection may end with the term of the primary, before the answer is out.
  await admin.command({ replSetStepDown: 10, force: true }).catch((error: Error) => {
    if (!/connection|closed|not primary|stepped down/i.test(error.message)) throw error
  })
  await client.close()
}

/** Addresses of the members that are secondaries now. */
export async function secondaries({ url }: Engine): Promise<readonly string[]> {
  const client = await new MongoClient(url).connect()
  try {
    const { hosts = [], primary } = await client.db('admin').command({ hello: 1 })
    return (hosts as string[]).filter((host) => host !== primary).map((host) => memberUrl(url, host))
  } finally {
    await client.close()
  }
}

/** While `work` runs, these members write nothing, and so acknowledge nothing. */
export async function whileLocked<T>(members: readonly string[], work: () => Promise<T>): Promise<T> {
  const clients = await Promise.all(members.map((url) => new MongoClient(url).connect()))
  const locked: MongoClient[] = []
  try {
    for (const client of clients) {
      await client.db('admin').command({ fsync: 1, lock: true })
      locked.push(client)
    }
    return await work()
  } finally {
    for (const client of locked) await client.db('admin').command({ fsyncUnlock: 1 })
    await Promise.all(clients.map((client) => client.close()))
  }
}

/** The same credentials and options, for this member alone. */
function memberUrl(url: string, host: string): string {
  const direct = new URL(url.replace(/^mongodb(?:\+srv)?:\/\/((?:[^@/]*@)?)[^/?]+/, `http://$1${host}`))
  direct.searchParams.delete('replicaSet')
  direct.searchParams.set('directConnection', 'true')
  return direct.href.replace(/^http/, 'mongodb')
}
