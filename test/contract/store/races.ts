/** Concurrency inside one process. Races between processes need children and belong to the tests of each store. */
import { expect } from 'chai'
import type { Fixture } from '../store.contract.ts'

const CALLS = 200
const ROUNDS = 4

function tally<T extends string>(answers: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

const parallel = <T>(count: number, call: (n: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)))

export function raceCases(fixture: Fixture): void {
  describe('races', () => {
    it(`lets one of ${CALLS} consumptions be the first`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await fixture.store.put({ kind: 'Code', id: `${round}`, payload: '' }, 'insert')
        const answers = await parallel(CALLS, () => fixture.store.consume('Code', `${round}`))
        expect(tally(answers)).to.deep.equal({ first: 1, refused: CALLS - 1 })
      }
    })

    it(`lets as many of ${CALLS} consumptions through again as the reuse window says`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await fixture.store.put({ kind: 'Token', id: `${round}`, payload: '' }, 'insert')
        const reuse = { within: 60_000, times: 3 }
        const answers = await parallel(CALLS, () => fixture.store.consume('Token', `${round}`, reuse))
        expect(tally(answers)).to.deep.equal({ first: 1, again: 3, refused: CALLS - 4 })
      }
    })

    for (const verb of ['consume', 'take'] as const) {
      it(`has one winner in each of ${CALLS} short races to ${verb}`, async () => {
        for (let round = 0; round < CALLS; round++) {
          const id = `${round}`
          await fixture.store.put({ kind: 'Code', id, payload: '' }, 'insert')
          const wins = await parallel(6, async () =>
            verb === 'take'
              ? (await fixture.store.take('Code', id)) !== undefined
              : (await fixture.store.consume('Code', id)) === 'first',
          )
          expect(wins.filter(Boolean)).to.have.length(1)
        }
      })
    }

    it(`gives a record to one of ${CALLS} takers`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await fixture.store.put({ kind: 'Attempt', id: `${round}`, payload: 'mine' }, 'insert')
        const taken = await parallel(CALLS, () => fixture.store.take('Attempt', `${round}`))
        expect(taken.filter((record) => record?.payload === 'mine')).to.have.length(1)
        expect(taken.filter((record) => record === undefined)).to.have.length(CALLS - 1)
      }
    })

    it(`lets one of ${CALLS} inserts win, and keeps the winner's payload`, async () => {
      const answers = await parallel(CALLS, (n) =>
        fixture.store.put({ kind: 'Replay', id: 'x', payload: `${n}` }, 'insert'),
      )
      expect(answers.filter(Boolean)).to.have.length(1)
      expect((await fixture.store.get('Replay', 'x'))?.payload).to.equal(`${answers.indexOf(true)}`)
    })

    it(`gives a uid to one of ${CALLS} records`, async () => {
      const answers = await parallel(CALLS, (n) =>
        fixture.store.put({ kind: 'Session', id: `${n}`, payload: '', uid: 'same' }, 'upsert'),
      )
      expect(answers.filter(Boolean)).to.have.length(1)
      expect((await fixture.store.find('Session', 'uid', 'same'))?.id).to.equal(`${answers.indexOf(true)}`)
      expect(await fixture.store.count('Session')).to.equal(1)
    })

    it('leaves nothing to consume when a grant is revoked in the middle of refreshes', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const ids = Array.from({ length: 50 }, (_, n) => `${round}/${n}`)
        const token = (id: string) => ({ kind: 'RefreshToken', id, payload: '', grantId: `grant ${round}` })
        await Promise.all(ids.map((id) => fixture.store.put(token(id), 'insert')))
        const refresh = async (id: string) => {
          await fixture.store.consume('RefreshToken', id, { within: 60_000, times: 1 })
          await fixture.store.put({ ...token(id), payload: 'late save' }, 'update')
        }
        const half = ids.length / 2
        const early = ids.slice(0, half).map(refresh)
        const revocation = fixture.store.deleteGrant(`grant ${round}`)
        const late = ids.slice(half).map(refresh)
        await Promise.all([...early, revocation, ...late])
        for (const id of ids) {
          expect(await fixture.store.get('RefreshToken', id)).to.equal(undefined)
          expect(await fixture.store.consume('RefreshToken', id, { within: 60_000, times: 9 })).to.equal('refused')
        }
      }
    })
  })
}
