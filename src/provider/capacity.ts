/** How many clients are kept, registered ones and documents, and what gives way when there is no room: those without a
 * grant. */
import type { Store } from '../store.ts'

/** Milliseconds between two counts; counting is a scan. In between, each new record counts as one more. */
const COUNT_INTERVAL = 5000
const BATCH = 1000
/** Milliseconds in which a new client may be in the middle of its first sign-in. */
const GRACE = 15 * 60_000

export interface CapacityRules {
  /** Of records whose id is a client id. */
  readonly kind: string
  readonly max: number
  /** Milliseconds that an unused client is kept. */
  readonly unused: number
}

/** Answers whether one more record may be written. Makes room first when there is none. */
export function capacity(store: Store, rules: CapacityRules, now: () => number): () => Promise<boolean> {
  let records = 0
  let countedAt = Number.NEGATIVE_INFINITY
  return async () => {
    if (now() - countedAt > COUNT_INTERVAL) {
      countedAt = now()
      records = await store.count(rules.kind)
    }
    if (records >= rules.max) records -= await dropUnused(store, rules, now())
    if (records >= rules.max) return false
    records += 1
    return true
  }
}

/** A client in use lives as long as its grants, so the ones that end soon are those that never had one, and a few whose
 * grants are about to end, which stay. */
async function dropUnused(store: Store, { kind, unused }: CapacityRules, now: number): Promise<number> {
  let after: string | undefined
  do {
    const query = { kind, expiresBefore: now + unused - GRACE, limit: BATCH, ...(after ? { after } : undefined) }
    const page = await store.list(query)
    // At once, because writes of one turn share a transaction.
    const dropped = await Promise.all(page.records.map(({ id }) => dropIfUnused(store, kind, id)))
    const count = dropped.filter(Boolean).length
    if (count > 0) return count
    after = page.next
  } while (after)
  return 0
}

async function dropIfUnused(store: Store, kind: string, clientId: string): Promise<boolean> {
  const { records: grants, damaged } = await store.list({ kind: 'Grant', clientId, limit: 1 })
  return grants.length === 0 && !damaged && (await store.delete(kind, clientId))
}
