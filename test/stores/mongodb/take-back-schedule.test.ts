import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import { StoreUnavailable } from '../../../src/store.ts'
import type { Document } from '../../../src/stores/mongodb/document.ts'
import { TakeBacks } from '../../../src/stores/mongodb/take-back.ts'

type Records = Pick<Collection<Document>, 'bulkWrite' | 'find'>

/** Each spending is taken back by so many conditional writes, of which one fits. */
const STEPS = 4

describe('what is to be taken back', () => {
  /** What the database is asked: how many spendings are taken back, or looked for. */
  let asked: { readonly verb: 'take back' | 'look'; readonly count: number }[]
  let found: Partial<Document>[]
  let answer: () => Promise<unknown>
  let warnings: string[]
  let backs: TakeBacks

  const records = {
    bulkWrite: async (operations: readonly AnyBulkWriteOperation<Document>[]) => {
      asked.push({ verb: 'take back', count: operations.length / STEPS })
      await answer()
    },
    find: ({ _id }: { _id: { $in: readonly string[] } }) => ({
      toArray: async () => {
        asked.push({ verb: 'look', count: _id.$in.length })
        await answer()
        return found
      },
    }),
  } as unknown as Records

  beforeEach(() => {
    asked = []
    found = []
    answer = async () => undefined
    warnings = []
    backs = new TakeBacks(records, (message) => warnings.push(message), 1)
  })
  afterEach(() => backs.close())

  const times = (verb: string) => asked.filter((each) => each.verb === verb).length

  it('is taken back at once, looked for seven times more, and forgotten', async () => {
    backs.add({ _id: 'x', mark: 'm' })
    await sleep(0)
    expect(asked).to.deep.equal([{ verb: 'take back', count: 1 }])
    await sleep(500)
    expect([times('take back'), times('look')]).to.deep.equal([1, 7])
    await backs.before('x')
    expect(times('take back')).to.equal(1)
  })

  it('is taken back again when it is found', async () => {
    found = [{ _id: 'x', c: 'm', r: 1 }]
    backs.add({ _id: 'x', mark: 'm' })
    await sleep(500)
    expect([times('take back'), times('look')]).to.deep.equal([8, 7])
  })

  it('is not forgotten any sooner when its record is read, which takes it back first', async () => {
    backs.add({ _id: 'x', mark: 'm' })
    for (let read = 0; read < 20; read += 1) await backs.before('x')
    await backs.before('y')
    expect(times('take back')).to.equal(21)
    await sleep(500)
    expect(times('look')).to.equal(7)
  })

  it('is twenty-five for each command', async () => {
    answer = () => Promise.reject(new Error('away'))
    for (let n = 0; n < 60; n += 1) backs.add({ _id: `${n}`, mark: 'm' })
    await sleep(20)
    answer = async () => undefined
    asked = []
    backs.wake()
    await sleep(20)
    expect(asked.slice(0, 3).map(({ count }) => count)).to.deep.equal([25, 25, 10])
  })

  it('waits for the database, and is taken back as soon as it is heard of', async () => {
    answer = () => Promise.reject(new Error('away'))
    backs.add({ _id: 'x', mark: 'm' })
    await sleep(100)
    expect(asked).to.have.length(1)
    answer = async () => undefined
    backs.wake()
    await sleep(100)
    expect(asked.slice(0, 3).map(({ verb }) => verb)).to.deep.equal(['take back', 'take back', 'look'])
  })

  it('is ten thousand at most, of which the operator is told once', async () => {
    answer = () => Promise.reject(new Error('away'))
    for (let n = 0; n < 10_002; n += 1) backs.add({ _id: `${n}`, mark: 'm' })
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(/^store\.url: the database failed more than 10000 requests/)
    await backs.before('9999').catch(() => undefined)
    expect(asked.at(-1)).to.deep.equal({ verb: 'take back', count: 1 })
    const tried = asked.length
    await backs.before('10000')
    expect(asked).to.have.length(tried)
  })

  it('may be what was spent up to a minute before an outage, also when that ends in several steps', () => {
    const unsettled = (at?: number) => expect(() => backs.refuseUnsettled(at)).to.throw(StoreUnavailable)
    backs.failed(100_000)
    backs.failed(200_000)
    backs.answered()
    unsettled(40_001)
    backs.failed(300_000)
    backs.answered()
    unsettled(40_001)
    unsettled()
    backs.refuseUnsettled(39_999)
  })

  it('does not keep a store from closing', async function () {
    this.timeout(10_000)
    answer = () => new Promise(() => undefined)
    backs.add({ _id: 'x', mark: 'm' })
    await backs.close()
    backs.add({ _id: 'y', mark: 'm' })
    expect(asked).to.have.length(1)
  })

  it('is tried a few times more when the store closes', async () => {
    answer = () => Promise.reject(new Error('away'))
    backs.add({ _id: 'x', mark: 'm' })
    await sleep(20)
    answer = async () => undefined
    await backs.close()
    expect([times('take back'), times('look')]).to.deep.equal([2, 2])
  })
})
