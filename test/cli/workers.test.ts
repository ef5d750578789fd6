import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { stringify } from 'yaml'
import { obtainTokens, refresh, register } from '../support/client.ts'
import { SECRET } from '../support/issuer.ts'
import { freePort, type Program, Workplace } from './support.ts'

describe('consulate serve --workers', function () {
  this.timeout(120_000)
  let at: Workplace
  let url: string

  beforeEach(async () => {
    at = await Workplace.open()
    url = `http://localhost:${await freePort()}`
  })
  afterEach(() => at.close())

  async function configure(limits: Record<string, number> = {}): Promise<void> {
    const config = {
      issuer: url,
      listen: { host: 'localhost', port: Number(new URL(url).port) },
      secret: SECRET,
      store: { type: 'embedded', path: './data' },
      idps: [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
      resources: [
        {
          resource: `${url}/demo/mcp`,
          name: 'Demo MCP server',
          scopes: { 'demo:read': 'Read', 'demo:write': 'Write' },
          defaultScopes: ['demo:read'],
        },
      ],
      limits,
      log: { level: 'info', format: 'json' },
      development: true,
    }
    await at.write('consulate.yaml', stringify(config))
  }

  async function start(workers = 3): Promise<{ program: Program; pids: number[] }> {
    const program = at.start(['serve', '--workers', `${workers}`])
    await program.saysOnError('Press Ctrl-C to stop.')
    const out = await program.says('all workers take requests')
    const line = out.split('\n').find((each) => each.includes('all workers take requests')) ?? '{}'
    return { program, pids: JSON.parse(line).workers }
  }

  /** On Linux, where the tests of this project run. */
  const childrenOf = async (pid: number) =>
    (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean).map(Number)

  const alive = (pid: number) => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
  const until = async (done: () => boolean | Promise<boolean>) => {
    const deadline = Date.now() + 20_000
    while (!(await done())) {
      if (Date.now() > deadline) throw new Error('it took too long')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  it('carries whole sign-ins over several processes on an empty folder, and ends them all with SIGTERM', async () => {
    await configure()
    const { program, pids } = await start()
    expect(new Set(pids).size).to.equal(3)
    const client = await register(url)
    for (let n = 0; n < 4; n++) {
      const tokens = await obtainTokens(url, client)
      expect((await refresh(url, client, tokens.refresh_token)).status).to.equal(200)
    }
    program.signal('SIGTERM')
    const { code, err } = await program.ended
    expect(code).to.equal(0)
    expect(err).to.match(/Workers {2}3 processes/)
    expect(pids.filter(alive)).to.deep.equal([])
  })

  it('replaces a worker that died while the others go on', async () => {
    await configure()
    const { program, pids } = await start()
    const client = await register(url)
    process.kill(pids[1] ?? 0, 'SIGKILL')
    // Right after its death, on connections of their own: all are answered but those it was about to get, which end.
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const form = { grant_type: 'refresh_token', client_id: client.client_id, refresh_token: 'unknown' }
        const options = { method: 'POST', body: new URLSearchParams(form), headers: { connection: 'close' } }
        const answer = fetch(`${url}/token`, { ...options, signal: AbortSignal.timeout(5000) })
        return answer.then(
          ({ status }) => status,
          (error: Error) => (error.name === 'TimeoutError' ? 'left waiting' : 'closed'),
        )
      }),
    )
    const ended = answers.filter((answer) => answer === 'closed')
    expect(ended.length, 'connections that died with the worker').to.be.at.most(2)
    expect(answers.filter((answer) => answer !== 400)).to.deep.equal(ended)
    const out = await program.says('a worker ended; another one is started')
    expect(out).to.include(`"worker":${pids[1]}`)
    await until(async () => (await program.says('listening')).split('"listening"').length - 1 >= 4)
    await obtainTokens(url, client)
  })

  it('replaces one that died while the others were starting', async () => {
    await configure()
    const program = at.start(['serve', '--workers', '3'])
    await until(async () => (await childrenOf(program.pid)).length > 1)
    const [firstborn] = await childrenOf(program.pid)
    process.kill(firstborn ?? 0, 'SIGKILL')
    await program.says('all workers take requests')
    await until(async () => (await childrenOf(program.pid)).length === 3)
    await program.says('a worker ended; another one is started')
  })

  it('goes on when all of its workers died at once', async () => {
    await configure()
    const { program, pids } = await start()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await until(async () => (await program.says('listening')).split('"listening"').length - 1 >= 6)
    await obtainTokens(url, await register(url))
  })

  it('leaves no worker behind when its primary is killed', async () => {
    await configure()
    const { program, pids } = await start()
    program.signal('SIGKILL')
    await until(() => !pids.some(alive))
  })

  it('ends at once with a second signal', async () => {
    await configure()
    const { program, pids } = await start()
    // An answer that is under way would keep a worker for ten seconds.
    program.signal('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 600))
    program.signal('SIGTERM')
    await program.ended
    await until(() => !pids.some(alive))
  })

  it('allows all workers together what one process allows', async () => {
    await configure({ register: 10 })
    await start()
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const response = await fetch(`${url}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', connection: 'close' },
          body: JSON.stringify({ client_name: 'x', redirect_uris: ['http://localhost/cb'] }),
        })
        await response.text()
        return response.status
      }),
    )
    expect(answers.filter((status) => status === 201)).to.have.length(10)
    expect(answers.filter((status) => status === 429)).to.have.length(20)
  })

  it('says what is wrong once, and starts nothing', async () => {
    await configure()
    const first = await start(2)
    const { code, err } = await at.run(['serve', '--workers', '3'])
    expect(code).to.equal(1)
    expect(err.match(/Port \d+ on .* is in use/g)).to.have.length(1)
    first.program.signal('SIGTERM')
    expect((await first.program.ended).code).to.equal(0)
  })

  for (const workers of ['0', '65', 'many', '1.5', '-1']) {
    it(`takes no ${workers} for a number of workers`, async () => {
      const { code, err } = await at.run(['serve', '--workers', workers])
      expect(code).to.equal(2)
      expect(err).to.match(/workers/)
    })
  }
})
