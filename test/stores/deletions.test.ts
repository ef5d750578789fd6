import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { StoreUnavailable } from '../../src/store.ts'
import { sharedDeletions } from '../../src/stores/deletions.ts'

/** Deletions as the store below meets them; each is under way until it is ended. */
class Below {
  readonly begun: string[] = []
  readonly underWay = new Map<string, Promise<void>>()
  /** The grants whose other records were deleted. */
  readonly rest: string[] = []
  failing: Error | undefined
  readonly #ends: { done: () => void; fail: (error: Error) => void }[] = []
  readonly deleteGrant = sharedDeletions(
    {
      delete: (kind: string, id: string) =>
        new Promise<boolean>((done, fail) => {
          this.begun.push(`${kind} ${id}`)
          this.#ends.push({ done: () => done(true), fail })
        }),
      deleteGrant: async (grantId: string) => {
        this.rest.push(grantId)
        if (this.failing) throw this.failing
      },
    },
    this.underWay,
  )

  async end(nth: number, error?: Error): Promise<void> {
    const end = this.#ends[nth] ?? expect.fail(`deletion ${nth} was not begun`)
    if (error) end.fail(error)
    else end.done()
    await sleep(5)
  }
}

describe('deletions of a grant', () => {
  it('are one when they are asked for in one turn, of the grant first', async () => {
    const below = new Below()
    const all = [1, 2, 3].map(() => below.deleteGrant('g'))
    await sleep(5)
    expect([below.begun, below.rest]).to.deep.equal([['Grant g'], []])
    await below.end(0)
    expect(below.rest).to.deep.equal(['g'])
    await Promise.all(all)
    expect(below.underWay.size).to.equal(0)
  })

  it('are one more for all who ask while one is under way, begun when that has ended', async () => {
    const below = new Below()
    const first = below.deleteGrant('g')
    await sleep(5)
    const later: Promise<void>[] = []
    for (let n = 0; n < 50; n++) {
      later.push(below.deleteGrant('g'))
      if (n % 10 === 0) await sleep(1)
    }
    expect(below.begun).to.deep.equal(['Grant g'])
    let over = 0
    for (const each of later) void each.then(() => over++)
    await below.end(0)
    await first
    expect(below.begun).to.deep.equal(['Grant g', 'Grant g'])
    expect(over).to.equal(0)
    await below.end(1)
    expect(over).to.equal(50)
    expect(below.underWay.size).to.equal(0)
  })

  it('do not wait for long for one that hangs', async () => {
    const below = new Below()
    void below.deleteGrant('g')
    await sleep(5)
    const later = below.deleteGrant('g')
    await sleep(1000)
    expect(below.begun).to.deep.equal(['Grant g', 'Grant g'])
    await below.end(1)
    await later
  })

  it('are begun again after all have ended', async () => {
    const below = new Below()
    for (let n = 0; n < 3; n++) {
      const deletion = below.deleteGrant('g')
      await sleep(5)
      await below.end(n)
      await deletion
    }
    expect(below.begun).to.deep.equal(['Grant g', 'Grant g', 'Grant g'])
  })

  it('fail for those who asked for it, and not for who asked while it failed', async () => {
    const below = new Below()
    const first = Promise.allSettled([below.deleteGrant('g'), below.deleteGrant('g')])
    await sleep(5)
    const later = below.deleteGrant('g')
    await below.end(0, new Error('away'))
    expect((await first).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    await below.end(1)
    await later
  })

  it('are done when the grant itself is gone, since the rest is worth nothing then', async () => {
    const below = new Below()
    below.failing = new StoreUnavailable('away')
    const deletion = below.deleteGrant('g')
    await sleep(5)
    await below.end(0)
    await deletion
    expect(below.rest).to.deep.equal(['g'])
    below.failing = new Error('a mistake')
    const mistaken = below.deleteGrant('g').catch((error: Error) => error)
    await sleep(5)
    await below.end(1)
    expect(await mistaken).to.equal(below.failing)
  })

  it('of one grant do not wait for those of another', async () => {
    const below = new Below()
    const one = below.deleteGrant('one')
    const other = below.deleteGrant('other')
    await sleep(5)
    expect(below.begun).to.deep.equal(['Grant one', 'Grant other'])
    await below.end(1)
    await other
    await below.end(0)
    await one
  })
})
