/** A list of groups that Graph sends in parts: all of it or a refusal. */
import { expect } from 'chai'
import { entraLab, GLOBAL, type Options, refused, signIn } from './lab.ts'

const GRAPH: Options = { groups: { from: 'graph' } }

describe('the groups that Graph lists', () => {
  const lab = entraLab()
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `5f1c5a8e-0000-4000-8000-${String(i).padStart(12, '0')}`)

  it('are read to the end, however small the pages', async () => {
    await lab.entra.set({ people: { ada: { groups: many(100) } }, behaviour: { graphPageSize: 5 } })
    expect((await signIn(lab, lab.open(GRAPH))).claims.groups).to.have.length(100)
  })

  it('refuse it rather than stop at some page, or at some group', async () => {
    await lab.entra.set({ people: { ada: { groups: many(60) } }, behaviour: { graphPageSize: 1 } })
    await refused(signIn(lab, lab.open(GRAPH)), 'unavailable', /no end in 50 pages/)
    await lab.entra.set({ people: { ada: { groups: many(10_001) } }, behaviour: { graphPageSize: 999 } })
    await refused(signIn(lab, lab.open(GRAPH)), 'not_allowed', /more than 10000 groups/)
  })

  it('refuse it rather than pass over what may be a group', async () => {
    const ask = lab.entra.fetchFor()
    const untyped = lab.open(GRAPH, {
      fetch: async (url, init) => {
        const response = await ask(url, init)
        if (!String(url).startsWith(GLOBAL.graph)) return response
        return new Response((await response.text()).replace('"@odata.type":"#microsoft.graph.group",', ''))
      },
    })
    await refused(signIn(lab, untyped), 'unavailable', /without its type/)
  })
})
