/** A second process on the same data: `race` spends the ids it is sent, `write` writes until it is killed. */
import type { DriverName } from '../../src/stores/embedded/driver.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'

const [task, path = '', driver] = process.argv.slice(2)
const store = await openEmbeddedStore({ path, driver: driver as DriverName })

if (task === 'race') {
  process.on('message', async (ids: string[]) => {
    const won = { consumed: [] as string[], taken: [] as string[] }
    await Promise.all(
      ids.map(async (id) => {
        if ((await store.consume('Code', id)) === 'first') won.consumed.push(id)
        if (await store.take('Attempt', id)) won.taken.push(id)
      }),
    )
    process.send?.(won)
  })
  process.on('disconnect', () => store.close())
} else {
  process.on('message', async () => {
    for (let n = 0; ; n++) {
      const ids = Array.from({ length: 16 }, (_, k) => `${n}/${k}`)
      await Promise.all(
        ids.map(async (id) => {
          if (await store.put({ kind: 'A', id, payload: id.repeat(50) }, 'insert')) process.send?.(id)
        }),
      )
    }
  })
}

process.send?.('ready')
