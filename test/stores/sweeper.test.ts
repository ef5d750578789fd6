import { expect } from 'chai'
import type { Store } from '../../src/store.ts'
import { startSweeper } from '../../src/stores/sweeper.ts'

describe('the sweeper', () => {
  /** A store that has this many expired records. */
  function storeWith(expired: number) {
    const batches: number[] = []
    const sweep = async (limit: number) => {
      const swept = Math.min(limit, expired)
      expired -= swept
      batches.push(swept)
      return swept
    }
    return { store: { sweep } as Pick<Store, 'sweep'> as Store, batches, left: () => expired }
  }

  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  it('goes on until nothing expired is left, in batches', async () => {
    const { store, batches, left } = storeWith(1234)
    const sweeper = startSweeper(store, { warn: () => undefined }, 5)
    await until(() => left() === 0 && batches.length > 2)
    sweeper.stop()
    expect(batches.slice(0, 3)).to.deep.equal([500, 500, 234])
  })

  it('logs a store that fails and tries again', async () => {
    let calls = 0
    const failing = {
      async sweep() {
        calls += 1
        throw new Error('away')
      },
    } as unknown as Store
    const warnings: string[] = []
    const sweeper = startSweeper(failing, { warn: (_fields, message) => warnings.push(message) }, 2)
    await until(() => calls > 1)
    sweeper.stop()
    expect(warnings).to.include('expired records could not be deleted')
  })

  it('never has two sweeps under way, and stops', async () => {
    let running = 0
    let most = 0
    let calls = 0
    const slow = {
      async sweep() {
        running += 1
        calls += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setTimeout(resolve, 15))
        running -= 1
        return 500
      },
    } as unknown as Store
    const sweeper = startSweeper(slow, { warn: () => undefined }, 2)
    await until(() => calls > 3)
    sweeper.stop()
    await until(() => running === 0)
    const at = calls
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([most, calls]).to.deep.equal([1, at])
  })
})
