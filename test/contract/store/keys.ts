/** Secondary keys, grants, and values that break careless engines. */
import { expect } from 'chai'
import type { Fixture } from '../store.contract.ts'

const ODD_VALUES = {
  'dots and slashes': 'https://a.b.example/c.d?e=f',
  'a leading dollar': '$gt',
  'an operator in JSON': '{"$ne":null}',
  'a prototype name': '__proto__',
  'NUL in the middle': 'a\u0000b',
  'NUL at the end': 'a\u0000',
  'a control character in front': '\u0001"x"',
  'quotes and percent signs': `'";--%_\\`,
  '4-byte characters': '\u{1f600}\u{10ffff}',
  'combining characters': 'e\u0301',
  '2048 characters': 'x'.repeat(2048),
  'nothing at all': '',
}

export function keyCases(fixture: Fixture): void {
  describe('keys', () => {
    it('finds by uid and by user code within a kind', async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', uid: 'u', userCode: 'c' }, 'insert')
      expect((await fixture.store.find('A', 'uid', 'u'))?.id).to.equal('x')
      expect((await fixture.store.find('A', 'userCode', 'c'))?.id).to.equal('x')
      expect(await fixture.store.find('A', 'uid', 'c')).to.equal(undefined)
      expect(await fixture.store.find('A', 'userCode', 'u')).to.equal(undefined)
      expect(await fixture.store.find('B', 'uid', 'u')).to.equal(undefined)
    })

    for (const key of ['uid', 'userCode'] as const) {
      it(`refuses a ${key} that another record of the kind has`, async () => {
        await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', [key]: 'same' }, 'insert')
        await fixture.store.put({ kind: 'A', id: 'y', payload: 'y', [key]: 'other' }, 'insert')
        expect(await fixture.store.put({ kind: 'A', id: 'z', payload: 'z', [key]: 'same' }, 'insert')).to.equal(false)
        expect(await fixture.store.put({ kind: 'A', id: 'z', payload: 'z', [key]: 'same' }, 'upsert')).to.equal(false)
        expect(await fixture.store.put({ kind: 'A', id: 'y', payload: 'z', [key]: 'same' }, 'update')).to.equal(false)
        expect(await fixture.store.put({ kind: 'A', id: 'y', payload: 'z', [key]: 'same' }, 'upsert')).to.equal(false)
        expect((await fixture.store.find('A', key, 'same'))?.id).to.equal('x')
        expect((await fixture.store.get('A', 'y'))?.payload).to.equal('y')
        expect(await fixture.store.get('A', 'z')).to.equal(undefined)
      })

      it(`allows the same ${key} in another kind, and again after a delete`, async () => {
        await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', [key]: 'same' }, 'insert')
        expect(await fixture.store.put({ kind: 'B', id: 'x', payload: 'x', [key]: 'same' }, 'insert')).to.equal(true)
        await fixture.store.delete('A', 'x')
        expect(await fixture.store.put({ kind: 'A', id: 'y', payload: 'y', [key]: 'same' }, 'insert')).to.equal(true)
      })
    }

    it('deletes a grant across kinds and leaves every other grant alone', async () => {
      for (const kind of ['Grant', 'AccessToken', 'RefreshToken']) {
        await fixture.store.put({ kind, id: '1', payload: '', grantId: 'gone' }, 'insert')
        await fixture.store.put({ kind, id: '2', payload: '', grantId: 'kept' }, 'insert')
        await fixture.store.put({ kind, id: '3', payload: '' }, 'insert')
      }
      await fixture.store.deleteGrant('gone')
      for (const kind of ['Grant', 'AccessToken', 'RefreshToken']) {
        expect(await fixture.store.get(kind, '1')).to.equal(undefined)
        expect(await fixture.store.count(kind)).to.equal(2)
      }
    })

    for (const [what, value] of Object.entries(ODD_VALUES)) {
      it(`keeps ids and values with ${what}`, async () => {
        const record = {
          kind: 'A',
          id: value,
          payload: value,
          grantId: value,
          clientId: value,
          accountId: value,
          uid: value,
          userCode: value,
        }
        await fixture.store.put({ kind: 'A', id: 'neighbour', payload: 'n' }, 'insert')
        expect(await fixture.store.put(record, 'insert')).to.equal(true)
        expect(await fixture.store.get('A', value)).to.deep.equal(record)
        expect(await fixture.store.find('A', 'uid', value)).to.deep.equal(record)
        expect(await fixture.store.find('A', 'userCode', value)).to.deep.equal(record)
        for (const filter of ['clientId', 'accountId', 'grantId']) {
          const page = await fixture.store.list({ kind: 'A', [filter]: value, limit: 10 })
          expect(page.records).to.deep.equal([record])
        }
        expect(await fixture.store.consume('A', value)).to.equal('first')
        await fixture.store.deleteGrant(value)
        expect(await fixture.store.get('A', value)).to.equal(undefined)
        expect(await fixture.store.count('A')).to.equal(1)
      })
    }

    it('does not take one odd id for another', async () => {
      await fixture.store.put({ kind: 'A', id: 'a\u0000b', payload: '1' }, 'insert')
      expect(await fixture.store.put({ kind: 'A', id: 'a\u0000c', payload: '2' }, 'insert')).to.equal(true)
      expect(await fixture.store.put({ kind: 'A', id: 'a', payload: '3' }, 'insert')).to.equal(true)
      expect(await fixture.store.put({ kind: 'A', id: 'A', payload: '4' }, 'insert')).to.equal(true)
      expect((await fixture.store.get('A', 'a\u0000b'))?.payload).to.equal('1')
    })

    it('keeps a payload of 16 KB as it is', async () => {
      const payload = JSON.stringify({ text: '\u{1f600}\u0000"\\'.repeat(1000), pad: 'x'.repeat(10_000) })
      expect(payload.length).to.be.greaterThan(16_384)
      await fixture.store.put({ kind: 'A', id: 'x', payload }, 'insert')
      expect((await fixture.store.get('A', 'x'))?.payload).to.equal(payload)
    })
  })
}
