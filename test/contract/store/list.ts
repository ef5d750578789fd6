/** Pages for people who administer: stable order, filters, no record twice and none missed. */
import { expect } from 'chai'
import type { ListQuery, StoredRecord } from '../../../src/store.ts'
import type { Fixture } from '../store.contract.ts'

export function listCases(fixture: Fixture): void {
  async function all(query: ListQuery): Promise<{ pages: number; records: StoredRecord[] }> {
    const records: StoredRecord[] = []
    let after: string | undefined
    for (let pages = 1; ; pages++) {
      const page = await fixture.store.list(after === undefined ? query : { ...query, after })
      expect(page.records.length).to.be.at.most(query.limit)
      records.push(...page.records)
      if (page.next === undefined) return { pages, records }
      after = page.next
    }
  }

  const ids = (records: readonly StoredRecord[]) => records.map((record) => record.id).sort()

  describe('list and count', () => {
    beforeEach(async () => {
      const puts: Promise<boolean>[] = []
      for (let n = 0; n < 20; n++) {
        const record = {
          kind: 'A',
          id: `record ${n}`,
          payload: `${n}`,
          clientId: n % 2 === 0 ? 'even' : 'odd',
          accountId: n < 10 ? 'low' : 'high',
          grantId: n === 7 ? 'seven' : 'rest',
          ...(n < 5 ? { expiresAt: fixture.now + 1000 + n } : {}),
        }
        puts.push(fixture.store.put(record, 'insert'))
      }
      puts.push(fixture.store.put({ kind: 'B', id: 'other', payload: '', clientId: 'even' }, 'insert'))
      await Promise.all(puts)
    })

    it('pages through a kind with every record once', async () => {
      const { pages, records } = await all({ kind: 'A', limit: 7 })
      expect(pages).to.equal(3)
      expect(ids(records)).to.deep.equal(Array.from({ length: 20 }, (_, n) => `record ${n}`).sort())
    })

    it('has no next page when the last record was the last of the page', async () => {
      expect((await all({ kind: 'A', limit: 10 })).pages).to.equal(2)
      expect((await all({ kind: 'A', limit: 20 })).pages).to.equal(1)
    })

    it('keeps its order', async () => {
      const first = await all({ kind: 'A', limit: 3 })
      const second = await all({ kind: 'A', limit: 1000 })
      expect(first.records).to.deep.equal(second.records)
    })

    it('narrows by client, account and grant, one by one and together', async () => {
      expect((await all({ kind: 'A', clientId: 'even', limit: 3 })).records).to.have.length(10)
      expect((await all({ kind: 'A', accountId: 'low', limit: 3 })).records).to.have.length(10)
      expect(ids((await all({ kind: 'A', grantId: 'seven', limit: 3 })).records)).to.deep.equal(['record 7'])
      const both = await all({ kind: 'A', clientId: 'odd', accountId: 'low', limit: 2 })
      expect(ids(both.records)).to.deep.equal(['record 1', 'record 3', 'record 5', 'record 7', 'record 9'])
      expect((await all({ kind: 'A', clientId: 'nobody', limit: 3 })).records).to.deep.equal([])
    })

    it('narrows by expiry, leaving out what never expires', async () => {
      const { records } = await all({ kind: 'A', expiresBefore: fixture.now + 1003, limit: 2 })
      expect(ids(records)).to.deep.equal(['record 0', 'record 1', 'record 2'])
    })

    it('goes on after the cursor when the record it ended on is gone', async () => {
      const first = await fixture.store.list({ kind: 'A', limit: 10 })
      for (const { id } of first.records) await fixture.store.delete('A', id)
      const rest = await fixture.store.list({ kind: 'A', limit: 100, after: first.next ?? '' })
      expect(rest.records).to.have.length(10)
    })

    it('counts one kind, without what has expired', async () => {
      expect(await fixture.store.count('A')).to.equal(20)
      fixture.now += 1002
      expect(await fixture.store.count('A')).to.equal(17)
      expect(await fixture.store.count('B')).to.equal(1)
      expect(await fixture.store.count('C')).to.equal(0)
    })

    for (const limit of [0, 1001, 1.5]) {
      it(`refuses a limit of ${limit}`, async () => {
        const error = await fixture.store.list({ kind: 'A', limit }).catch((reason: unknown) => reason)
        expect(error).to.be.instanceOf(RangeError)
      })
    }
  })
}
