import { expect } from 'chai'
import { stringify } from 'yaml'
import { obtainTokens, register } from '../support/client.ts'
import { SECRET } from '../support/issuer.ts'
import { freePort, Workplace } from './support.ts'

describe('consulate serve with metrics', function () {
  this.timeout(120_000)
  let at: Workplace
  let url: string
  let figures: string

  beforeEach(async () => {
    at = await Workplace.open()
    url = `http://localhost:${await freePort()}`
    const port = await freePort()
    figures = `http://127.0.0.1:${port}/metrics`
    const config = {
      issuer: url,
      listen: { host: 'localhost', port: Number(new URL(url).port) },
      secret: SECRET,
      idps: [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
      resources: [{ resource: `${url}/demo/mcp`, name: 'Demo', scopes: { a: 'A' }, defaultScopes: ['a'] }],
      metrics: { port },
      log: { format: 'json' },
      development: true,
    }
    await at.write('consulate.yaml', stringify(config))
  })
  afterEach(() => at.close())

  for (const workers of [1, 2]) {
    it(`serves them for ${workers} process(es) on a listener of their own, until it is stopped`, async () => {
      const program = at.start(['serve', '--workers', `${workers}`])
      await program.saysOnError('Press Ctrl-C to stop.')
      await obtainTokens(url, await register(url))
      const answer = await fetch(figures)
      const text = await answer.text()
      expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).to.deep.equal([200, 'text/plain'])
      expect(text)
        .to.match(/^consulate_store_records \d+$/m)
        .and.match(/^consulate_process_cpu_seconds_total /m)
      expect((await fetch(`${url}/metrics`)).status).to.equal(404)
      expect((await fetch(figures.replace('/metrics', '/'))).status).to.equal(404)
      program.signal('SIGTERM')
      expect((await program.ended).code).to.equal(0)
    })
  }

  it('says which setting to change when their port is taken', async () => {
    const first = at.start(['serve'])
    await first.saysOnError('Press Ctrl-C to stop.')
    const { port } = new URL(figures)
    const other = `http://localhost:${await freePort()}`
    const listen = { host: 'localhost', port: Number(new URL(other).port) }
    const config = { issuer: other, listen, secret: SECRET, idps: [], resources: [], development: true }
    await at.write('second.yaml', stringify({ ...config, metrics: { port: Number(port) } }))
    const second = await at.run(['serve', '--config', 'second.yaml'])
    expect(second.code).to.equal(1)
    expect(second.err).to.include('metrics.port')
  })
})
