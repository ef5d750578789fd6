/** How many clients may be registered, and what gives way when there is no room: clients that never got a grant. */
import type { Store } from '../store.ts'

/** Milliseconds between two counts; counting is a scan. In between, each registration counts as one more. */
const COUNT_INTERVAL = 5000
const BATCH = 1000
/** Milliseconds in which a new client may be in the middle of its first sign-in. */
const GRACE = 15 * 60_000

export interface CapacityRules {
  readonly maxClients: number
  /** Milliseconds that an unused client is kept. */
  readonly unused: number
}

/** Answers whether one more client may be registered. Makes room first when there is none. */
export function capacity(store: Store, rules: CapacityRules, now: () => number): () => Promise<boolean> {
  let clients = 0
  let countedAt = Number.NEGATIVE_INFINITY
  return async () => {
    if (now() - countedAt > COUNT_INTERVAL) {
      countedAt = now()
      clients = await store.count('Client')
    }
    if (clients >= rules.maxClients) clients -= await dropUnused(store, rules, now())
    clients += 1
    return clients <= rules.maxClients
  }
}

/** A client in use lives as long as its grants, so the ones that end soon are those that never had one. */
async function dropUnused(store: Store, { unused }: CapacityRules, now: number): Promise<number> {
  const { records } = await store.list({ kind: 'Client', expiresBefore: now + unused - GRACE, limit: BATCH })
  let dropped = 0
  for (const { id } of records) {
    const { records: grants } = await store.list({ kind: 'Grant', clientId: id, limit: 1 })
    if (grants.length === 0 && (await store.delete('Client', id))) dropped += 1
  }
  return dropped
}
