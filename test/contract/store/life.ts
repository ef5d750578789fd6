/** Time: expiry by the injected clock, the reuse window, sweeping, closing and opening again. */
import { expect } from 'chai'
import { isStoreUnavailable } from '../../../src/store.ts'
import type { Fixture } from '../store.contract.ts'

export function lifeCases(fixture: Fixture): void {
  describe('expiry', () => {
    const record = { kind: 'A', id: 'x', payload: 'x', uid: 'u', userCode: 'c', grantId: 'g' }

    beforeEach(async () => {
      await fixture.store.put({ ...record, expiresAt: fixture.now + 1000 }, 'insert')
    })

    it('keeps a record until the millisecond before', async () => {
      fixture.now += 999
      expect(await fixture.store.get('A', 'x')).to.not.equal(undefined)
      expect(await fixture.store.find('A', 'uid', 'u')).to.not.equal(undefined)
      expect(await fixture.store.count('A')).to.equal(1)
      expect(await fixture.store.consume('A', 'x')).to.equal('first')
    })

    it('has a record absent in every verb from that very instant', async () => {
      fixture.now += 1000
      expect(await fixture.store.get('A', 'x')).to.equal(undefined)
      expect(await fixture.store.find('A', 'uid', 'u')).to.equal(undefined)
      expect(await fixture.store.find('A', 'userCode', 'c')).to.equal(undefined)
      expect(await fixture.store.consume('A', 'x')).to.equal('refused')
      expect(await fixture.store.consume('A', 'x', { within: 10_000, times: 9 })).to.equal('refused')
      expect(await fixture.store.take('A', 'x')).to.equal(undefined)
      expect(await fixture.store.count('A')).to.equal(0)
      expect((await fixture.store.list({ kind: 'A', limit: 10 })).records).to.deep.equal([])
      expect(await fixture.store.put({ ...record, payload: 'y' }, 'update')).to.equal(false)
      expect(await fixture.store.delete('A', 'x')).to.equal(false)
    })

    for (const mode of ['insert', 'upsert'] as const) {
      it(`puts a fresh record over an expired one by ${mode}`, async () => {
        await fixture.store.consume('A', 'x')
        fixture.now += 1000
        expect(await fixture.store.put({ ...record, payload: 'new' }, mode)).to.equal(true)
        expect(await fixture.store.get('A', 'x')).to.deep.equal({ ...record, payload: 'new' })
        expect(await fixture.store.consume('A', 'x')).to.equal('first')
      })
    }

    for (const key of ['uid', 'userCode'] as const) {
      it(`frees the ${key} of an expired record`, async () => {
        await fixture.store.put({ kind: 'A', id: 'z', payload: 'z' }, 'insert')
        fixture.now += 1000
        const taken = { kind: 'A', id: 'z', payload: 'z', [key]: record[key] }
        expect(await fixture.store.put(taken, 'update')).to.equal(true)
        expect((await fixture.store.find('A', key, record[key]))?.id).to.equal('z')
      })
    }

    for (const expiresAt of [Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`refuses ${expiresAt} as the end of a record instead of keeping it for ever`, async () => {
        const put = fixture.store.put({ kind: 'B', id: 'x', payload: '', expiresAt }, 'upsert')
        expect(await put.catch((reason: unknown) => reason)).to.be.instanceOf(RangeError)
        expect(await fixture.store.count('B')).to.equal(0)
      })
    }

    it('does not let a clock that is set back revive what was deleted after it expired', async () => {
      await fixture.store.put({ kind: 'B', id: 'y', payload: 'y', expiresAt: fixture.now + 1000 }, 'insert')
      fixture.now += 1000
      await fixture.store.deleteGrant('g')
      await fixture.store.delete('B', 'y')
      fixture.now -= 1000
      expect(await fixture.store.get('A', 'x')).to.equal(undefined)
      expect(await fixture.store.get('B', 'y')).to.equal(undefined)
    })

    it('sweeps expired records only, and not more than it was told', async () => {
      for (let n = 0; n < 5; n++) {
        await fixture.store.put({ kind: 'B', id: `old ${n}`, payload: '', expiresAt: fixture.now + 1 }, 'insert')
      }
      await fixture.store.put({ kind: 'B', id: 'eternal', payload: '' }, 'insert')
      fixture.now += 1
      expect(await fixture.store.sweep(3)).to.equal(3)
      expect(await fixture.store.sweep(3)).to.equal(2)
      expect(await fixture.store.sweep(3)).to.equal(0)
      expect(await fixture.store.count('B')).to.equal(1)
      expect(await fixture.store.count('A')).to.equal(1)
    })
  })

  describe('the reuse window', () => {
    const reuse = { within: 60_000, times: 2 }

    beforeEach(async () => {
      await fixture.store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
    })

    it('tells the instant of the first consumption', async () => {
      await fixture.store.consume('A', 'x', reuse)
      const first = fixture.now
      fixture.now += 5
      await fixture.store.consume('A', 'x', reuse)
      expect((await fixture.store.get('A', 'x'))?.consumedAt).to.equal(first)
    })

    it('tells how often it was consumed again', async () => {
      const told = async () => (await fixture.store.get('A', 'x'))?.reused
      const counts = [await told()]
      for (let use = 0; use < 4; use += 1) {
        await fixture.store.consume('A', 'x', reuse)
        counts.push(await told())
      }
      expect(counts).to.deep.equal([undefined, undefined, 1, 2, 2])
    })

    it('refuses a second time without one', async () => {
      expect(await fixture.store.consume('A', 'x')).to.equal('first')
      expect(await fixture.store.consume('A', 'x')).to.equal('refused')
    })

    it('allows as many times as it says, and no more', async () => {
      const answers: string[] = []
      for (let n = 0; n < 5; n++) answers.push(await fixture.store.consume('A', 'x', reuse))
      expect(answers).to.deep.equal(['first', 'again', 'again', 'refused', 'refused'])
    })

    it('counts from the first consumption and ends on time', async () => {
      await fixture.store.consume('A', 'x', reuse)
      fixture.now += 59_999
      expect(await fixture.store.consume('A', 'x', reuse)).to.equal('again')
      fixture.now += 1
      expect(await fixture.store.consume('A', 'x', reuse)).to.equal('refused')
    })

    it('is shut when it is zero long', async () => {
      await fixture.store.consume('A', 'x', { within: 0, times: 9 })
      expect(await fixture.store.consume('A', 'x', { within: 0, times: 9 })).to.equal('refused')
    })
  })

  describe('a caller that has stopped waiting', () => {
    it('is not served: nothing is written, spent or taken any more', async () => {
      const { store } = fixture
      await store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert')
      const past = performance.now() - 1
      const verbs = [
        () => store.put({ kind: 'A', id: 'y', payload: '' }, 'insert', past),
        () => store.put({ kind: 'A', id: 'y', payload: '' }, 'upsert', past),
        () => store.put({ kind: 'A', id: 'x', payload: 'new' }, 'update', past),
        () => store.consume('A', 'x', undefined, past),
        () => store.consume('A', 'x', { within: 60_000, times: 1 }, past),
        () => store.take('A', 'x', past),
      ]
      for (const verb of verbs) {
        const error = await verb().catch((reason: unknown) => reason)
        expect(isStoreUnavailable(error), String(verb)).to.equal(true)
      }
      expect(await store.get('A', 'x')).to.deep.equal({ kind: 'A', id: 'x', payload: 'x' })
      expect(await store.get('A', 'y')).to.equal(undefined)
    })

    it('is served until then', async () => {
      const { store } = fixture
      const later = performance.now() + 60_000
      expect(await store.put({ kind: 'A', id: 'x', payload: 'x' }, 'insert', later)).to.equal(true)
      expect(await store.consume('A', 'x', undefined, later)).to.equal('first')
      expect((await store.take('A', 'x', later))?.payload).to.equal('x')
    })
  })

  describe('opening and closing', () => {
    it('pings while it is open, and leaves nothing behind', async () => {
      await Promise.all([fixture.store.ping(), fixture.store.ping()])
      expect(await fixture.store.sweep(10)).to.equal(0)
    })

    it('finishes what was begun when it closes, and closes twice', async () => {
      const puts = [1, 2, 3].map((n) => fixture.store.put({ kind: 'A', id: `${n}`, payload: '' }, 'insert'))
      await Promise.all([fixture.store.close(), fixture.store.close()])
      expect(await Promise.all(puts)).to.deep.equal([true, true, true])
    })

    it('throws StoreUnavailable in every verb after it was closed', async () => {
      const { store } = fixture
      await store.close()
      const verbs = [
        () => store.put({ kind: 'A', id: 'x', payload: '' }, 'insert'),
        () => store.get('A', 'x'),
        () => store.find('A', 'uid', 'x'),
        () => store.consume('A', 'x'),
        () => store.take('A', 'x'),
        () => store.delete('A', 'x'),
        () => store.deleteGrant('g'),
        () => store.list({ kind: 'A', limit: 1 }),
        () => store.sweep(1),
        () => store.count('A'),
        () => store.ping(),
      ]
      for (const verb of verbs) {
        const error = await verb().then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(isStoreUnavailable(error), String(verb)).to.equal(true)
      }
    })

    const { reopen } = fixture
    if (reopen) {
      it('has everything after it was opened again', async () => {
        await fixture.store.put({ kind: 'A', id: 'x', payload: 'x', uid: 'u', grantId: 'g', clientId: 'c' }, 'insert')
        await fixture.store.put({ kind: 'A', id: 'y', payload: 'y', expiresAt: fixture.now + 1000 }, 'insert')
        await fixture.store.consume('A', 'x', { within: 1000, times: 1 })
        await reopen()
        expect(await fixture.store.find('A', 'uid', 'u')).to.include({ payload: 'x', consumedAt: fixture.now })
        expect(await fixture.store.consume('A', 'x', { within: 1000, times: 1 })).to.equal('again')
        expect(await fixture.store.count('A')).to.equal(2)
        expect((await fixture.store.list({ kind: 'A', clientId: 'c', limit: 5 })).records).to.have.length(1)
        await fixture.store.deleteGrant('g')
        expect(await fixture.store.count('A')).to.equal(1)
        fixture.now += 1000
        expect(await fixture.store.count('A')).to.equal(0)
      })
    }
  })
}
