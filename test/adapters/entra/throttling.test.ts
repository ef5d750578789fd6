/** A Graph that throttles: how long and how often it is waited for. */
import { expect } from 'chai'
import { ENGINEERING, entraLab, type Options, refused, signIn } from './lab.ts'

const GRAPH: Options = { groups: { from: 'graph', cacheSeconds: 0 } }

describe('the groups of a Graph that throttles', () => {
  const lab = entraLab()
  const graphRequests = async () => (await lab.entra.seen()).filter(({ path }) => path.startsWith('/v1.0/'))

  for (const [words, retryAfter] of [
    ['in seconds', () => '1'],
    ['as a date', () => new Date(Date.now() + 2000).toUTCString()],
  ] as const) {
    it(`are had after the time that it asks for, and not asked for before (${words})`, async () => {
      await lab.entra.set({ behaviour: { graphThrottles: 1, graphRetryAfter: retryAfter() } })
      expect((await signIn(lab, lab.open(GRAPH))).claims.groups).to.deep.equal([ENGINEERING])
      expect(await graphRequests()).to.have.length(2)
    })
  }

  for (const graphRetryAfter of ['120', new Date(Date.now() + 3_600_000).toUTCString()]) {
    it(`are not waited for longer than a person would: ${graphRetryAfter.replace(/.*GMT/, 'a date')}`, async () => {
      await lab.entra.set({ behaviour: { graphThrottles: 1, graphRetryAfter } })
      await refused(signIn(lab, lab.open(GRAPH)), 'unavailable', /429/)
      expect(await graphRequests()).to.have.length(1)
    })
  }

  it('are waited for at a re-check no longer than its client waits', async () => {
    const opened = lab.open(GRAPH)
    const identity = await signIn(lab, opened)
    await lab.entra.set({ behaviour: { graphThrottles: 1, graphRetryAfter: '3' } })
    await refused(opened.adapter.refresh?.(identity) ?? Promise.resolve(), 'unavailable', /429/)
  })

  it('are not asked for without end', async () => {
    await lab.entra.set({ behaviour: { graphThrottles: 1000, graphRetryAfter: '0' } })
    await refused(signIn(lab, lab.open(GRAPH)), 'unavailable', /429/)
    expect(await graphRequests()).to.have.length(4)
  })
})
