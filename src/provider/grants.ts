/**
 * Ends grants that no client asked to end: all of an account, or those of one session at the IdP. A grant goes with its
 * codes and refresh tokens; access tokens live out their minutes (docs/decisions/0004).
 */
import type { Audit } from '../observe/audit.ts'
import type { Store, StoredRecord } from '../store.ts'
import { accountId } from './accounts.ts'

export interface Grants {
  /** Whether an account has any. */
  any(account: string): Promise<boolean>
  /** Ends all of an account and answers how many there were. `reason` is for the audit log. */
  endAll(account: string, reason: string): Promise<number>
  /** Notes the session at the IdP in which a grant was made. */
  noteSession(grant: string, account: string, idp: string, session: string): Promise<void>
  /** Ends what was made in a session at the IdP; of `subject`, when given, also what was made in none that is known. */
  endSession(idp: string, session: string, subject: string | undefined, reason: string): Promise<Ended>
}

export interface Ended {
  readonly grants: number
  /** Those who had them. */
  readonly accounts: readonly string[]
}

const SESSION = 'UpstreamSession'
const PAGE = 100

export interface GrantsParts {
  readonly store: Store
  readonly audit: Audit
  /** Milliseconds that a grant lives. */
  readonly lifetime: number
  /** Told how many records of a kind were passed over because they cannot be read. Such a grant serves nobody. */
  readonly damaged: (kind: string, count: number) => void
  readonly now: () => number
}

export function openGrants({ store, audit, lifetime, damaged, now }: GrantsParts): Grants {
  /** Every record of a kind that an account has, and that can be read. */
  async function* recordsOf(kind: string, account: string): AsyncGenerator<StoredRecord> {
    let after: string | undefined
    do {
      const page = await store.list({
        kind,
        accountId: account,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      })
      if (page.damaged) damaged(kind, page.damaged)
      yield* page.records
      after = page.next
    } while (after !== undefined)
  }

  /** The record of a kind that a grant has, if it can be read. */
  async function recordOf(kind: string, grantId: string): Promise<StoredRecord | undefined> {
    return (await store.list({ kind, grantId, limit: 1 })).records[0]
  }

  async function end({ id, accountId: account, clientId: client }: StoredRecord, reason: string): Promise<void> {
    await store.deleteGrant(id)
    audit('grant.ended', { grant: id, account, client, reason })
  }

  return {
    async any(account) {
      const { records, damaged = 0 } = await store.list({ kind: 'Grant', accountId: account, limit: 1 })
      return records.length + damaged > 0
    },
    async endAll(account, reason) {
      let count = 0
      for await (const grant of recordsOf('Grant', account)) {
        await end(grant, reason)
        count += 1
      }
      return count
    },
    async noteSession(grant, account, idp, session) {
      // Found by the session, which stands where other kinds have their account.
      const record = { kind: SESSION, id: grant, grantId: grant, accountId: sessionKey(idp, session), payload: account }
      await store.put({ ...record, expiresAt: now() + lifetime }, 'insert')
    },
    async endSession(idp, session, subject, reason) {
      const accounts = new Set<string>()
      let count = 0
      for await (const { id, payload: account } of recordsOf(SESSION, sessionKey(idp, session))) {
        const grant = await recordOf('Grant', id)
        if (!grant || grant.accountId !== account) continue
        await end(grant, reason)
        accounts.add(account)
        count += 1
      }
      if (subject === undefined) return { grants: count, accounts: [...accounts] }
      const account = accountId(idp, subject)
      for await (const grant of recordsOf('Grant', account)) {
        if (await recordOf(SESSION, grant.id)) continue
        await end(grant, reason)
        count += 1
      }
      return { grants: count, accounts: [...accounts.add(account)] }
    },
  }
}

function sessionKey(idp: string, session: string): string {
  return JSON.stringify([idp, session])
}
