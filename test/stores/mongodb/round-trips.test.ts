import { expect } from 'chai'
import { openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { costOfFlows, type Flow, observedMongo } from '../../support/flow-costs.ts'
import { engineHere, needsEngine, preparedDatabase } from './support.ts'

describe('what is sent to a MongoDB', function () {
  this.timeout(30_000)
  needsEngine()

  it('is at most five commands for a refresh and for a code, and none for metadata and keys', async () => {
    const commands: string[] = []
    const costs = await costOfFlows(await observedMongo(await engineHere(), commands), commands)
    const cost = (flow: Flow) => costs.get(flow) ?? expect.fail(`${flow} was not measured`)
    for (const flow of ['token', 'refresh'] as const) {
      // Two writes at least, or the commands were not seen.
      expect(cost(flow).length, cost(flow).join(', ')).to.be.within(2, 5)
    }
    for (const flow of ['metadata', 'keys'] as const) expect(cost(flow)).to.deep.equal([])
  })

  it('is one command for all reads of one turn of the event loop, up to a hundred records', async () => {
    const db = await preparedDatabase()
    const commands: string[] = []
    const store = await openMongoStore({ url: db.url, onCommand: (name) => commands.push(name) })
    try {
      await store.put({ kind: 'A', id: '1', payload: 'one' }, 'insert')
      await store.put({ kind: 'B', id: '1', payload: 'two' }, 'insert')
      const reads = async (ids: readonly (readonly [kind: string, id: string])[]) => {
        commands.length = 0
        const found = await Promise.all(ids.map(([kind, id]) => store.get(kind, id)))
        return { payloads: found.map((record) => record?.payload), commands: [...commands] }
      }
      const few = [
        ['A', '1'],
        ['A', '2'],
        ['B', '1'],
        ['A', '1'],
      ] as const
      const payloads = ['one', undefined, 'two', 'one']
      expect(await reads(few)).to.deep.equal({ payloads, commands: ['find'] })
      const many = Array.from({ length: 150 }, (_, n) => ['A', `${n}`] as const)
      expect((await reads(many)).commands).to.deep.equal(['find', 'find'])
    } finally {
      await store.close()
      await db.drop()
    }
  })
})
