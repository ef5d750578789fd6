import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from 'mongodb'
import { isStoreUnavailable } from '../../../src/store.ts'
import { attempts, inTime, type Repetition } from '../../../src/stores/mongodb/attempts.ts'

describe('a verb of the MongoDB store whose connection breaks', () => {
  async function count(repetition: Repetition, error: Error = new MongoNetworkError('cut')): Promise<number> {
    let begun = 0
    const verb = async () => {
      begun += 1
      throw error
    }
    const end = performance.now() + 60_000
    expect(await attempts(verb, repetition, end).catch((reason: unknown) => reason)).to.equal(error)
    return begun
  }

  it('is begun three times when it may always be, once otherwise', async () => {
    expect([await count('always'), await count('unsent'), await count('never')]).to.deep.equal([3, 1, 1])
  })

  it('is begun again when the server says that it goes, and once when it says anything else', async () => {
    const error = (code: number) => new MongoServerError({ message: 'an answer', code })
    expect([await count('always', error(189)), await count('unsent', error(189))]).to.deep.equal([3, 1])
    expect(await count('always', error(64))).to.equal(1)
  })

  it('is begun once when the answer did not come in time, lest it is done after it was given up', async () => {
    expect(await count('always', new MongoNetworkTimeoutError('no answer'))).to.equal(1)
  })

  it('is not begun again when nobody waits for it any more', async () => {
    let begun = 0
    const verb = async () => {
      begun += 1
      await sleep(begun === 2 ? 400 : 0)
      throw new MongoNetworkError('cut')
    }
    const until = performance.now() + 200
    const error = await inTime((end) => attempts(verb, 'always', end), until).catch((reason: unknown) => reason)
    expect(isStoreUnavailable(error)).to.equal(true)
    await sleep(500)
    expect(begun).to.equal(2)
  })
})
