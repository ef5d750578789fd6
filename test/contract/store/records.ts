/** Single records: the three modes of `put`, and what comes back. */
import { expect } from 'chai'
import type { StoredRecord } from '../../../src/store.ts'
import type { Fixture } from '../store.contract.ts'

export function recordCases(fixture: Fixture): void {
  describe('put, get, take and delete', () => {
    it('gives back every field that was put', async () => {
      const record: StoredRecord = {
        kind: 'Session',
        id: 'a',
        payload: '{"x":1}',
        expiresAt: fixture.now + 1000,
        grantId: 'g',
        clientId: 'c',
        accountId: 'u',
        uid: 'uid',
        userCode: 'code',
      }
      expect(await fixture.store.put(record, 'insert')).to.equal(true)
      expect(await fixture.store.get('Session', 'a')).to.deep.equal(record)
      expect(await fixture.store.take('Session', 'a')).to.deep.equal(record)
    })

    it('has no fields that were not put', async () => {
      await fixture.store.put({ kind: 'Client', id: 'a', payload: '' }, 'upsert')
      expect(await fixture.store.get('Client', 'a')).to.have.all.keys('kind', 'id', 'payload')
    })

    it('keeps kinds apart', async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'a' }, 'insert')
      await fixture.store.put({ kind: 'B', id: 'x', payload: 'b' }, 'insert')
      await fixture.store.delete('A', 'x')
      expect(await fixture.store.get('A', 'x')).to.equal(undefined)
      expect((await fixture.store.get('B', 'x'))?.payload).to.equal('b')
    })

    it('answers absent for what was never put', async () => {
      expect(await fixture.store.get('A', 'x')).to.equal(undefined)
      expect(await fixture.store.take('A', 'x')).to.equal(undefined)
      expect(await fixture.store.delete('A', 'x')).to.equal(false)
      expect(await fixture.store.consume('A', 'x')).to.equal('refused')
    })

    it('takes and deletes a record once', async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
      expect((await fixture.store.take('A', 'x'))?.payload).to.equal('x')
      expect(await fixture.store.take('A', 'x')).to.equal(undefined)
      await fixture.store.put({ kind: 'A', id: 'y', payload: 'y' }, 'insert')
      expect(await fixture.store.delete('A', 'y')).to.equal(true)
      expect(await fixture.store.delete('A', 'y')).to.equal(false)
    })

    it('inserts only what is absent', async () => {
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'old' }, 'insert')).to.equal(true)
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'new' }, 'insert')).to.equal(false)
      expect((await fixture.store.get('A', 'x'))?.payload).to.equal('old')
    })

    it('updates only what is present, so that a late save brings nothing back', async () => {
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'update')).to.equal(false)
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'y' }, 'update')).to.equal(true)
      await fixture.store.delete('A', 'x')
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'z' }, 'update')).to.equal(false)
      expect(await fixture.store.get('A', 'x')).to.equal(undefined)
    })

    it('upserts both ways', async () => {
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'upsert')).to.equal(true)
      expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'y' }, 'upsert')).to.equal(true)
      expect((await fixture.store.get('A', 'x'))?.payload).to.equal('y')
    })

    it('replaces every field on update, the index fields included', async () => {
      const first = { kind: 'A', id: 'x', payload: 'x', uid: 'old', grantId: 'g', expiresAt: fixture.now + 1000 }
      await fixture.store.put(first, 'insert')
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', uid: 'new' }, 'update')
      expect(await fixture.store.find('A', 'uid', 'old')).to.equal(undefined)
      expect((await fixture.store.find('A', 'uid', 'new'))?.id).to.equal('x')
      await fixture.store.deleteGrant('g')
      fixture.now += 1000
      expect(await fixture.store.get('A', 'x')).to.not.equal(undefined)
    })

    for (const mode of ['update', 'upsert'] as const) {
      it(`never unspends a record by ${mode}`, async () => {
        await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
        expect(await fixture.store.consume('A', 'x')).to.equal('first')
        expect(await fixture.store.put({ kind: 'A', id: 'x', payload: 'y' }, mode)).to.equal(true)
        expect(await fixture.store.get('A', 'x')).to.include({ payload: 'y', consumedAt: fixture.now })
        expect(await fixture.store.consume('A', 'x')).to.equal('refused')
      })
    }

    it('ignores a consumedAt that is put', async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', consumedAt: fixture.now }, 'insert')
      expect(await fixture.store.get('A', 'x')).to.not.have.property('consumedAt')
      expect(await fixture.store.consume('A', 'x')).to.equal('first')
    })
  })
}
