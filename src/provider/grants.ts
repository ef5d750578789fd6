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
  /** How many an account has that cannot be read, and so cannot be ended. */
  passedOver(account: string): Promise<number>
  /** Notes the session at the IdP in which a grant was made. */
  noteSession(grant: string, account: string, idp: string, session: string): Promise<void>
  /** Ends what was made in a session at the IdP; of `subject`, when given, also what was made in none that is known. */
  endSession(idp: string, session: string, subject: string | undefined, reason: string): Promise<Ended>
}

export interface Ended {
  readonly grants: number
  /** Those who had them. */
  readonly accounts: readonly string[]
  /** How many records could not be read, each of which may stand for one more. */
  readonly passedOver: number
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
  /** Does it with every record of a kind that an account has, and that can be read. Answers how many cannot. */
  async function each(kind: string, account: string, act: (record: StoredRecord) => Promise<void>): Promise<number> {
    let passedOver = 0
    let after: string | undefined
    do {
      const page = await store.list({
        kind,
        accountId: account,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      })
      for (const record of page.records) await act(record)
      passedOver += page.damaged ?? 0
      after = page.next
    } while (after !== undefined)
    if (passedOver > 0) damaged(kind, passedOver)
    return passedOver
  }

  /** The record of a kind that a grant has: one or none, and perhaps one that cannot be read. */
  const recordOf = (kind: string, grantId: string) => store.list({ kind, grantId, limit: 1 })

  async function end(grant: Pick<StoredRecord, 'id' | 'accountId' | 'clientId'>, reason: string): Promise<void> {
    const { id, accountId: account, clientId: client } = grant
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
      await each('Grant', account, async (grant) => {
        await end(grant, reason)
        count += 1
      })
      return count
    },
    passedOver: (account) => each('Grant', account, async () => undefined),
    async noteSession(grant, account, idp, session) {
      // Found by the session, which stands where other kinds have their account.
      const record = { kind: SESSION, id: grant, grantId: grant, accountId: sessionKey(idp, session), payload: account }
      await store.put({ ...record, expiresAt: now() + lifetime }, 'insert')
    },
    async endSession(idp, session, subject, reason) {
      const accounts = new Set<string>()
      let count = 0
      const sessions = await each(SESSION, sessionKey(idp, session), async ({ id, payload: account }) => {
        const { records, damaged: broken = 0 } = await recordOf('Grant', id)
        const [grant] = records
        // One that cannot be read is ended all the same: the session names it.
        if (grant ? grant.accountId !== account : broken === 0) return
        await end(grant ?? { id, accountId: account }, reason)
        accounts.add(account)
        count += 1
      })
      if (subject === undefined) return { grants: count, accounts: [...accounts], passedOver: sessions }
      const account = accountId(idp, subject)
      // Those of a session that cannot be read are among them.
      const passedOver = await each('Grant', account, async (grant) => {
        if ((await recordOf(SESSION, grant.id)).records.length > 0) return
        await end(grant, reason)
        count += 1
      })
      return { grants: count, accounts: [...accounts.add(account)], passedOver }
    },
  }
}

function sessionKey(idp: string, session: string): string {
  return JSON.stringify([idp, session])
}
