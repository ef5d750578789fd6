import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { MongoNetworkError } from 'mongodb'
import { attempts, type Repetition } from '../../../src/stores/mongodb/attempts.ts'

describe('a verb of the MongoDB store whose connection breaks', () => {
  async function count(
    repetition: Repetition,
    lasts = 0,
    error: Error = new MongoNetworkError('cut'),
  ): Promise<number> {
    let begun = 0
    const verb = async () => {
      begun += 1
      await sleep(lasts)
      throw error
    }
    expect(await attempts(verb, repetition).catch((reason: unknown) => reason)).to.equal(error)
    return begun
  }

  it('is begun three times when it may always be, once otherwise', async () => {
    expect([await count('always'), await count('unsent'), await count('never')]).to.deep.equal([3, 1, 1])
  })

  it('is begun once when the server has answered, with whatever error', async () => {
    expect(await count('always', 0, new Error('an answer'))).to.equal(1)
  })

  it('is not begun when nobody waits for it any more', async function () {
    this.timeout(10_000)
    expect(await count('always', 1300)).to.equal(2)
  })
})
