import { expect } from 'chai'
import { isStoreUnavailable, type StoreEngine } from '../../../src/store.ts'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { type WireReplicaSet, wireReplicaSet } from '../../support/wire-replica-set.ts'
import { needsEngine, preparedDatabase } from './support.ts'

/** Of the driver's pool: all of them are busy when the connections break. */
const CALLS = 45

/** A primary that shuts down has done the write, and cannot tell whether the majority has it. */
const interrupted = (answer: object) => ({
  ...answer,
  writeConcernError: { code: 91, codeName: 'ShutdownInProgress', errmsg: 'the primary shuts down' },
  errorLabels: ['RetryableWriteError'],
})

describe('writes that a driver repeats', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  let set: WireReplicaSet
  let store: StoreEngine

  beforeEach(async () => {
    db = await preparedDatabase()
    set = await wireReplicaSet(firstHost(db.url))
    store = await openMongoStore({ url: throughProxy(db.url, set.port) })
  })
  afterEach(async () => {
    set.fate = () => 'answered'
    await store.close()
    await set.close()
    await db.drop()
  })

  it('are done once when the answer was lost, and known to be done', async () => {
    await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')
    const numbers: string[] = []
    set.fate = (_, number) => {
      numbers.push(number)
      return numbers.length === 1 ? 'cut' : 'answered'
    }
    expect(await store.consume('A', 'x')).to.equal('first')
    expect(numbers).to.have.length(2)
    expect(new Set(numbers).size).to.equal(1)
  })

  it('never make a record look spent by somebody else, however connections break meanwhile', async () => {
    for (let round = 0; round < 2; round++) {
      const ids = Array.from({ length: CALLS }, (_, n) => `${round}/${n}`)
      for (const id of ids) await store.put({ kind: 'A', id, payload: '' }, 'insert')
      let seen = 0
      const held: (() => void)[] = []
      set.fate = async (command) => {
        if (command !== 'update') return 'answered'
        seen += 1
        if (seen > CALLS) return seen === CALLS + 1 ? 'cut' : 'answered'
        // All are under way before the first is interrupted.
        await new Promise<void>((resolve) => {
          held.push(resolve)
          if (held.length === CALLS) for (const release of held) release()
        })
        return interrupted
      }
      const outcomes = await Promise.all(
        ids.map((id) => store.consume('A', id).catch((error: unknown) => isStoreUnavailable(error) && 'unavailable')),
      )
      expect(outcomes.filter((outcome) => outcome !== 'first' && outcome !== 'unavailable')).to.deep.equal([])
      set.fate = () => 'answered'
    }
  })
})
