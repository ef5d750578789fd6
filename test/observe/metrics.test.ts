import { createServer, get } from 'node:http'
import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import { openMetrics } from '../../src/observe/metrics.ts'
import { listen, startIssuer } from '../support/issuer.ts'
import { reading } from '../support/metrics.ts'

describe('the metrics', () => {
  it('tell what the store holds, from the start', async () => {
    const metrics = openMetrics()
    const issuer = await startIssuer({ metrics })
    // Its size is read in the background.
    for (let look = 0; look < 100 && !(await reading(metrics, 'consulate_store_records')); look += 1);
    expect(await reading(metrics, 'consulate_store_records')).to.be.greaterThan(0)
    expect(await reading(metrics, 'consulate_store_bytes')).to.be.greaterThan(0)
    await issuer.close()
  })

  it('are not for a web page whose name was made to resolve to this computer', async () => {
    const { handler } = openMetrics()
    const server = createServer(handler)
    const port = await listen(server)
    const status = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: '/metrics', headers: { host } }, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        }).on('error', reject)
      })
    for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `10.1.2.3:${port}`]) {
      expect(await status(host), host).to.equal(200)
    }
    const strangers = [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'a b',
    ]
    for (const host of strangers) expect(await status(host), host).to.equal(421)
    server.closeAllConnections()
    server.close()
  })

  it('count what adapters warn of, once an hour, and make no series of what is no code', async () => {
    const metrics = openMetrics()
    const wary = defineAdapter({
      type: 'wary',
      options: z.strictObject({}),
      open(_options, host) {
        for (const code of ['credential_ends', 'credential_ends', 'ends in 29 days', 'ends in 28 days']) {
          host.warn(code, 'the client secret ends')
        }
        return { start: () => Promise.reject(new Error()), finish: () => Promise.reject(new Error()) }
      },
    })
    const issuer = await startIssuer({
      metrics,
      adapters: [wary],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'idp', type: 'wary', name: 'IdP' }] }),
    })
    expect(await reading(metrics, 'consulate_idp_warnings_total{idp="idp",code="credential_ends"}')).to.equal(1)
    expect(await reading(metrics, 'consulate_idp_warnings_total{idp="idp",code="other"}')).to.equal(2)
    await issuer.close()
  })
})
