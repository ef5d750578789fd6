/** Upkeep: moving everything to another engine, sealing it anew, telling how much there is. Below the seal. */
import { expect } from 'chai'
import type { StoredRow } from '../../../src/store.ts'
import type { EngineFixture } from '../store.contract.ts'

export function upkeepCases(fixture: EngineFixture): void {
  async function scanAll(limit: number): Promise<StoredRow[]> {
    const rows: StoredRow[] = []
    let after: string | undefined
    do {
      const page = await fixture.store.scan(after === undefined ? { limit } : { limit, after })
      expect(page.rows.length).to.be.at.most(limit)
      rows.push(...page.rows)
      after = page.next
    } while (after !== undefined)
    return rows
  }

  const byKey = (rows: readonly StoredRow[]) =>
    [...rows].sort((a, b) => (`${a.kind} ${a.id}` < `${b.kind} ${b.id}` ? -1 : 1))

  describe('scan and restore', () => {
    const full = {
      kind: 'A\u0000.$',
      id: '\u{1f600}\u0000"x',
      payload: 'payload',
      grantId: 'g',
      clientId: 'c',
      accountId: 'a',
      uid: 'u',
      userCode: 'uc',
    }

    beforeEach(async () => {
      const { store } = fixture
      await store.put({ ...full, expiresAt: fixture.now + 10 }, 'insert')
      for (let n = 0; n < 25; n++) {
        await store.put({ kind: n % 2 === 0 ? 'Even' : 'Odd', id: `${n}`, payload: `${n}` }, 'insert')
      }
      await store.consume('Odd', '3', { within: 1000, times: 2 })
      await store.consume('Odd', '3', { within: 1000, times: 2 })
    })

    it('sees every row of every kind once, whatever the size of a page', async () => {
      const rows = byKey(await scanAll(1000))
      expect(rows).to.have.length(26)
      for (const limit of [1, 7, 13, 26]) expect(byKey(await scanAll(limit))).to.deep.equal(rows)
      expect(rows[0]).to.deep.equal({ ...full, expiresAt: fixture.now + 10 })
      expect(rows.find((row) => row.id === '3')).to.deep.equal({
        kind: 'Odd',
        id: '3',
        payload: '3',
        consumedAt: fixture.now,
        reused: 1,
      })
    })

    it('sees expired rows too', async () => {
      fixture.now += 10
      expect(await scanAll(10)).to.have.length(26)
    })

    it('misses no row that stays, although others come and go and change', async () => {
      const { store } = fixture
      const first = await store.scan({ limit: 10 })
      for (const row of first.rows) await store.delete(row.kind, row.id)
      await store.put({ kind: 'Even', id: 'new', payload: '' }, 'insert')
      const seen = [...first.rows]
      let { next } = first
      while (next !== undefined) {
        const page = await store.scan({ limit: 10, after: next })
        for (const row of page.rows) await store.swap(row.kind, row.id, row.payload, `${row.payload}!`)
        seen.push(...page.rows)
        next = page.next
      }
      const keys = seen.map((row) => `${row.kind} ${row.id}`).filter((key) => key !== 'Even new')
      expect(keys).to.have.length(26)
      expect(new Set(keys).size).to.equal(26)
    })

    it('writes rows back as they were, spent ones spent, and once', async () => {
      const { store } = fixture
      const rows = await scanAll(100)
      for (const row of rows) await store.delete(row.kind, row.id)
      expect(await store.size()).to.include({ records: 0 })
      expect(await store.restore(rows.slice(0, 20))).to.equal(20)
      expect(await store.restore(rows)).to.equal(6)
      expect(await store.restore(rows)).to.equal(0)
      expect(byKey(await scanAll(100))).to.deep.equal(byKey(rows))
      expect(await store.consume('Odd', '3', { within: 1000, times: 2 })).to.equal('again')
      expect(await store.consume('Odd', '3', { within: 1000, times: 2 })).to.equal('refused')
      expect((await store.find(full.kind, 'uid', 'u'))?.id).to.equal(full.id)
    })

    it('leaves what is there alone when it restores', async () => {
      const { store } = fixture
      const written = await store.restore([
        { kind: 'Odd', id: '3', payload: 'other' },
        { kind: full.kind, id: 'other', payload: 'other', uid: 'u' },
        { kind: 'Odd', id: 'new', payload: 'new' },
      ])
      expect(written).to.equal(1)
      expect(await store.get('Odd', '3')).to.deep.include({ payload: '3', consumedAt: fixture.now })
      expect(await store.get(full.kind, 'other')).to.equal(undefined)
      expect((await store.get('Odd', 'new'))?.payload).to.equal('new')
    })

    it('refuses a limit out of bounds', async () => {
      for (const limit of [0, 1001, 1.5]) {
        const error = await fixture.store.scan({ limit }).catch((reason: unknown) => reason)
        expect(error).to.be.instanceOf(RangeError)
      }
    })

    it('restores nothing when there is nothing', async () => {
      expect(await fixture.store.restore([])).to.equal(0)
    })
  })

  describe('swap', () => {
    it('replaces a payload that is still the same, and nothing else', async () => {
      const { store } = fixture
      const record = { kind: 'A', id: 'x', payload: 'one', uid: 'u', grantId: 'g', expiresAt: fixture.now + 10 }
      await store.put(record, 'insert')
      await store.consume('A', 'x')
      expect(await store.swap('A', 'x', 'one', 'two')).to.equal(true)
      expect(await store.get('A', 'x')).to.deep.equal({ ...record, payload: 'two', consumedAt: fixture.now })
      expect(await store.swap('A', 'x', 'one', 'three')).to.equal(false)
      expect(await store.swap('A', 'y', 'one', 'three')).to.equal(false)
      expect((await store.get('A', 'x'))?.payload).to.equal('two')
    })

    it('reaches an expired row without bringing it back', async () => {
      const { store } = fixture
      await store.put({ kind: 'A', id: 'x', payload: 'one', expiresAt: fixture.now + 10 }, 'insert')
      fixture.now += 10
      expect(await store.swap('A', 'x', 'one', 'two')).to.equal(true)
      expect(await store.get('A', 'x')).to.equal(undefined)
    })

    it('lets one of many win', async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'start' }, 'insert')
      const wins = await Promise.all(
        Array.from({ length: 50 }, (_, n) => fixture.store.swap('A', 'x', 'start', `${n}`)),
      )
      expect(wins.filter(Boolean)).to.have.length(1)
      expect((await fixture.store.get('A', 'x'))?.payload).to.equal(`${wins.indexOf(true)}`)
    })
  })

  describe('size', () => {
    it('counts all rows', async () => {
      const { store } = fixture
      expect(await store.size()).to.include({ records: 0 })
      for (let n = 0; n < 5; n++) await store.put({ kind: `${n}`, id: 'x', payload: 'p' }, 'insert')
      const { records, bytes } = await store.size()
      expect(records).to.equal(5)
      expect(bytes === undefined || bytes > 0).to.equal(true)
    })
  })
}
