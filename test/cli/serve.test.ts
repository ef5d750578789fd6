import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { SECRET, sound } from '../config/support.ts'
import { freePort, ownLines, type Program, Workplace } from './support.ts'

const READY = 'Press Ctrl-C to stop.'

describe('consulate serve', function () {
  this.timeout(60_000)
  let at: Workplace
  beforeEach(async () => {
    at = await Workplace.open()
  })
  afterEach(() => at.close())

  async function started(...args: string[]): Promise<{ program: Program; port: number; err: string }> {
    const port = await freePort()
    const program = at.start(['serve', '--port', String(port), ...args])
    return { program, port, err: await program.saysOnError(READY) }
  }

  it('runs without a configuration, and says what to know in at most ten lines', async () => {
    const { port, err } = await started()
    const lines = ownLines(err)
    expect(lines).to.have.length.at.most(10)
    const banner = lines.join('\n')
    expect(banner).to.match(/^Consulate \d+\.\d+\.\d+$/m)
    expect(banner).to.contain('DEVELOPMENT MODE').and.to.contain(`http://localhost:${port}/demo/mcp`)
    expect(banner).to.contain(join(at.folder, 'data')).and.to.contain('Development sign-in')
    const metadata = await fetch(`http://localhost:${port}/.well-known/oauth-authorization-server`)
    expect(await metadata.json()).to.include({ issuer: `http://localhost:${port}` })
    expect((await stat(join(at.folder, 'data'))).mode & 0o777).to.equal(0o700)
  })

  it('answers on 127.0.0.1 and on [::1] under the name localhost', async () => {
    const { port } = await started()
    const hosts = (await hasLoopback6()) ? ['127.0.0.1', '::1'] : ['127.0.0.1']
    for (const host of hosts) {
      const socket = connect({ host, port })
      socket.end(
        `GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`,
      )
      expect(await everything(socket), host).to.match(/^HTTP\/1\.1 200 /)
    }
  })

  it('runs with a configuration, whose many entries do not lengthen the banner', async () => {
    const settings = sound()
    const [idp, resource] = [settings.idps[0], settings.resources[0]]
    for (let i = 0; i < 12; i++) {
      settings.idps.push({ ...idp, id: `entra-${i}` })
      settings.resources.push({ ...resource, resource: `https://mcp.example.com/${i}` })
    }
    await at.write('consulate.yaml', settings)
    const { err } = await started('--config', 'consulate.yaml')
    expect(ownLines(err)).to.have.length.at.most(10)
    expect(err).to.contain('https://auth.example.com').and.to.contain('and 12 more')
    expect(err).to.contain(join(at.folder, 'consulate.yaml')).and.not.to.contain('DEVELOPMENT')
    expect(err).not.to.contain(SECRET).and.not.to.contain('upstream-credential')
  })

  it('refuses a --port that an issuer on this machine does not name, and starts nothing', async () => {
    await at.write('consulate.yaml', { ...sound(), issuer: 'http://localhost:3000/t1' })
    const port = await freePort()
    const { code, out, err } = await at.run(['serve', '--port', String(port)])
    expect(code).to.equal(1)
    expect(out).to.equal('')
    expect(ownLines(err)).to.have.length(1)
    expect(err).to.contain(`--port ${port}`).and.to.contain(`"issuer: http://localhost:${port}/t1" in consulate.yaml`)
  })

  for (const issuer of ['http://localhost', 'https://localhost']) {
    it(`takes a --port for ${issuer} when it is the issuer's own or a proxy stands before it`, async () => {
      const port = await freePort()
      await at.write('consulate.yaml', {
        ...sound(),
        issuer: issuer.startsWith('https') ? issuer : `${issuer}:${port}`,
      })
      await at.start(['serve', '--port', String(port)]).saysOnError(READY)
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).to.be.a('number')
    })
  }

  it('names a port in use in one sentence', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, out, err } = await at.run(['serve', '--port', String(port)])
    other.close()
    expect(code).to.equal(1)
    expect(out).not.to.match(/"level":"(?:error|fatal)"/)
    expect(ownLines(err)).to.have.length(1)
    expect(err).to.contain(`Port ${port}`).and.to.contain('listen.port')
  })

  it('names a port that another program has on the last loopback address only', async () => {
    const other = createServer().listen({ port: 0, host: (await hasLoopback6()) ? '::1' : '127.0.0.1' })
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, err } = await at.run(['serve', '--port', String(port)])
    other.close()
    expect(code).to.equal(1)
    expect(ownLines(err)).to.have.length(1)
    expect(err).to.contain(`Port ${port}`)
  })

  it('names an address that the machine does not have', async () => {
    await at.write('consulate.yaml', { ...sound(), listen: { host: '192.0.2.1', port: 0 } })
    const { code, err } = await at.run(['serve'])
    expect(code).to.equal(1)
    expect(ownLines(err)).to.have.length(1)
    expect(err).to.contain('192.0.2.1').and.to.contain('listen.host')
  })

  it('names a data folder that cannot be made in one sentence', async () => {
    await at.write('file', 'not a folder')
    await at.write('consulate.yaml', { ...sound(), store: { type: 'embedded', path: 'file/data' } })
    const { code, err } = await at.run(['serve'])
    expect(code).to.equal(1)
    expect(ownLines(err)).to.have.length(1)
    expect(err)
      .to.contain('store.path')
      .and.to.contain(join(at.folder, 'file', 'data'))
  })

  it('names the data folder of development mode when it cannot be made', async () => {
    await at.write('data', 'not a folder')
    const { code, err } = await at.run(['serve'])
    expect(code).to.equal(1)
    expect(ownLines(err)).to.have.length(1)
    expect(err).to.contain(join(at.folder, 'data'))
  })

  it('writes a defect to the log without what must not be seen, and ends with 1', async () => {
    const options = '{ safeParse: () => ({ success: true, data: {} }), parse: () => ({}) }'
    const open = `() => { setTimeout(() => { throw Object.assign(new Error('boom code=hidden'), { body: 'hidden' }) }); return {} }`
    await at.write('boom.mjs', `export default { contract: 1, type: 'boom', options: ${options}, open: ${open} }`)
    await at.write('consulate.yaml', { ...sound(), idps: [{ id: 'boom', type: './boom.mjs', name: 'Boom' }] })
    const { code, out, err } = await at.run(['serve', '--port', String(await freePort())])
    expect(code).to.equal(1)
    expect(out).to.contain('"level":"fatal"').and.to.contain('boom code=***')
    expect(out + err).not.to.contain('hidden')
  })

  it('refuses each unsafe setting of production, and starts nothing', async () => {
    const settings = {
      ...sound(),
      issuer: 'http://auth.example.com',
      secret: 'changeme',
      idps: [{ id: 'dev', type: 'dev', name: 'Dev' }],
    }
    await at.write('consulate.yaml', settings)
    const { code, out, err } = await at.run(['serve'])
    expect(code).to.equal(1)
    expect(out).to.equal('')
    expect(err).to.contain('issuer (line 1): ').and.to.contain('secret (line 1): ***').and.to.contain('idps[0].type')
    expect(err)
      .not.to.contain('changeme')
      .and.not.to.match(/^\s+at /m)
    await at.write('consulate.yaml', { ...sound(), idps: [] })
    expect((await at.run(['serve'])).err).to.contain('at least one IdP')
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`answers the request under way on ${signal}, takes no new one, and ends with 0`, async () => {
      const { program, port } = await started()
      const body = 'grant_type=authorization_code'
      const socket = connect({ host: '127.0.0.1', port })
      const answer = everything(socket)
      const head = [
        'POST /token HTTP/1.1',
        `Host: localhost:${port}`,
        'Content-Type: application/x-www-form-urlencoded',
      ]
      socket.write(`${[...head, 'Expect: 100-continue', `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n`)
      await once(socket, 'data')
      program.signal(signal)
      await program.says('no new requests')
      expect(await refused(port)).to.equal(true)
      socket.write(body)
      expect(await answer).to.match(/^HTTP\/1\.1 100 [\s\S]*HTTP\/1\.1 4\d\d [\s\S]*"error"/)
      expect((await program.ended).code).to.equal(0)
    })
  }

  it('ends at once and with 1 at a second signal', async () => {
    const { program, port } = await started()
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.write(`POST /token HTTP/1.1\r\nHost: localhost:${port}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`)
    await once(socket, 'data')
    program.signal('SIGINT')
    await program.says('no new requests')
    const again = setInterval(() => program.signal('SIGINT'), 100)
    const { code } = await program.ended
    clearInterval(again)
    socket.destroy()
    expect(code).to.equal(1)
  })
})

async function everything(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(socket, 'close')
  return text
}

async function refused(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  const result = await Promise.race([
    once(socket, 'connect').then(() => false),
    new Promise<boolean>((resolve) => socket.once('error', () => resolve(true))),
  ]).catch(() => true)
  socket.destroy()
  return result
}

async function hasLoopback6(): Promise<boolean> {
  const probe = createServer()
  probe.listen({ port: 0, host: '::1' })
  const up = await once(probe, 'listening').then(
    () => true,
    () => false,
  )
  if (up) probe.close()
  return up
}
