import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { ADAPTER_FAULTS } from './adapter-faults.ts'
import { FAULTS } from './faults.ts'

const all = [...FAULTS, ...ADAPTER_FAULTS]
const root = new URL('../../', import.meta.url)

describe('the faults that npm run mutate plants', () => {
  it('are at least twenty, with a name each', () => {
    const names = all.map(({ name }) => name)
    expect(names.length).to.be.above(20)
    expect(new Set(names).size).to.equal(names.length)
  })

  for (const { name, file, changes } of all) {
    it(`still fit the source: ${name}`, async () => {
      let text = await readFile(new URL(file, root), 'utf8')
      for (const [find, put] of changes) {
        expect(text.split(find), `${file}: ${find}`).to.have.length(2)
        text = text.replace(find, () => put)
      }
    })
  }
})
