import { expect } from 'chai'
import type { Notice } from '../../src/stores/ring.ts'
import { startUpkeep, type UpkeepLog, type UpkeepStore } from '../../src/stores/upkeep.ts'

const QUIET: UpkeepLog = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe('the upkeep of a store', () => {
  const ring = { notice: async (): Promise<Notice> => 'current' }

  /** Sweeps often and does nothing else. */
  const start = (store: Pick<UpkeepStore, 'sweep'>, log: Partial<UpkeepLog>, sweep: number) =>
    startUpkeep({
      store: { size: async () => ({ records: 0 }), ...store },
      ring,
      log: { ...QUIET, ...log },
      intervals: { sweep },
    })

  /** A store that has this many expired records. */
  function storeWith(expired: number) {
    const batches: number[] = []
    const sweep = async (limit: number) => {
      const swept = Math.min(limit, expired)
      expired -= swept
      batches.push(swept)
      return swept
    }
    return { store: { sweep }, batches, left: () => expired }
  }

  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  it('goes on until nothing expired is left, in batches', async () => {
    const { store, batches, left } = storeWith(234)
    const sweeper = start(store, {}, 5)
    await until(() => left() === 0 && batches.length > 2)
    sweeper.stop()
    expect(batches.slice(0, 3)).to.deep.equal([100, 100, 34])
  })

  it('logs a store that fails and tries again', async () => {
    let calls = 0
    const failing = {
      async sweep() {
        calls += 1
        throw new Error('away')
      },
    }
    const warnings: string[] = []
    const sweeper = start(failing, { warn: (_fields, message) => warnings.push(message) }, 2)
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
        return 100
      },
    }
    const sweeper = start(slow, {}, 2)
    await until(() => calls > 3)
    sweeper.stop()
    await until(() => running === 0)
    const at = calls
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([most, calls]).to.deep.equal([1, at])
  })

  it('tells the size, and says once what is wrong with the secret', async () => {
    const lines: [string, object, string][] = []
    const log = Object.fromEntries(
      (['info', 'warn', 'error'] as const).map((level) => [
        level,
        (fields: object, message: string) => lines.push([level, fields, message]),
      ]),
    ) as unknown as UpkeepLog
    let looks = 0
    const upkeep = startUpkeep({
      store: { sweep: async () => 0, size: async () => ({ records: 7, bytes: 4096 }) },
      ring: {
        async notice() {
          looks += 1
          if (looks === 2) throw new Error('the store is away')
          return looks < 4 ? 'unknown' : 'missing'
        },
      },
      log,
      intervals: { size: 2, notice: 2 },
    })
    await until(() => looks > 6 && lines.some(([level]) => level === 'info'))
    upkeep.stop()
    expect(lines.find(([level]) => level === 'info')).to.deep.equal([
      'info',
      { records: 7, bytes: 4096 },
      'size of the store',
    ])
    const errors = lines.filter(([level]) => level === 'error')
    expect(errors).to.have.length(2)
    expect(errors[0]?.[2]).to.match(/^the secret was rotated to one that is not configured here/)
    expect(errors[1]?.[2]).to.match(/^the record "Canary" was deleted: do not restart/)
  })
})
