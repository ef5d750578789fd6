import { readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { SECRET, sound } from '../config/support.ts'
import { Workplace } from './support.ts'

describe('the command line', function () {
  this.timeout(60_000)
  let at: Workplace
  beforeEach(async () => {
    at = await Workplace.open()
  })
  afterEach(() => at.close())

  it('prints its version', async () => {
    const { code, out } = await at.run(['--version'])
    expect(code).to.equal(0)
    expect(out).to.match(/^\d+\.\d+\.\d+\n$/)
  })

  for (const args of [['--help'], ['serve', '--help']]) {
    it(`explains ${args.join(' ')} with examples`, async () => {
      const { code, out } = await at.run(args)
      expect(code).to.equal(0)
      expect(out).to.contain('Examples:').and.to.contain('$ consulate ')
    })
  }

  for (const args of [[], ['serv'], ['serve', '--prot', '1'], ['serve', '--port', 'x']]) {
    it(`ends with 2 for the usage error "${args.join(' ')}"`, async () => {
      const { code, out, err } = await at.run(args)
      expect(code).to.equal(2)
      expect(out).to.equal('')
      expect(err).to.match(/--help/)
      expect(await readdir(at.folder)).to.deep.equal([])
    })
  }
})

describe('consulate check', function () {
  this.timeout(60_000)
  let at: Workplace
  beforeEach(async () => {
    at = await Workplace.open()
  })
  afterEach(() => at.close())

  it('prints the issuer, the redirect URI of each IdP and the MCP servers', async () => {
    await at.write('consulate.yaml', { ...sound(), issuer: 'https://auth.example.com/t1' })
    const { code, out, err } = await at.run(['check'])
    expect(err).to.equal('')
    expect(code).to.equal(0)
    expect(out).to.contain('Issuer: https://auth.example.com/t1\n')
    expect(out).to.contain('https://auth.example.com/t1/callback/entra\n')
    expect(out).to.contain('https://mcp.example.com/files\n')
    expect(out).not.to.contain(SECRET).and.not.to.contain('upstream-credential')
  })

  it('lists every mistake with its path, value and remedy, and no secret, and ends with 1', async () => {
    const settings = {
      ...sound(),
      secret: 'top-secret',
      issuer: 'https://auth.example.com/',
      isuer: 'x',
      log: { level: 'loud' },
    }
    await at.write('bad.yaml', settings)
    const { code, out, err } = await at.run(['check', '--config', 'bad.yaml'])
    expect(code).to.equal(1)
    expect(out).to.equal('')
    expect(err).to.contain('bad.yaml has 4 mistakes')
    expect(err).to.match(/issuer \(line 1\): "https:\/\/auth\.example\.com\/"\n.*: https:\/\/auth\.example\.com\n/)
    expect(err).to.match(/secret \(line 1\): \*\*\*\n.*at least 32 characters/)
    expect(err).to.match(/isuer \(line 1\)\n.*Did you mean "issuer"\?/)
    expect(err).to.match(/log\.level \(line 1\): "loud"\n.*fatal, error/)
    expect(err).not.to.contain('top-secret').and.not.to.contain('upstream-credential')
    expect(err).not.to.match(/^\s+at /m)
  })

  it('takes the file from CONSULATE_CONFIG, and from --config before it', async () => {
    await at.write('one.yaml', { ...sound(), issuer: 'https://one.example.com' })
    await at.write('two.yaml', { ...sound(), issuer: 'https://two.example.com' })
    const env = { CONSULATE_CONFIG: 'one.yaml' }
    expect((await at.run(['check'], env)).out).to.contain('https://one.example.com')
    expect((await at.run(['check', '-c', 'two.yaml'], env)).out).to.contain('https://two.example.com')
  })

  it('names a file that does not exist, and ends with 1', async () => {
    const { code, err } = await at.run(['check', '--config', 'none.yaml'])
    expect(code).to.equal(1)
    expect(err).to.contain('none.yaml').and.to.contain('no such file')
  })

  it('describes development mode when there is no file, and writes nothing', async () => {
    const { code, out } = await at.run(['check'])
    expect(code).to.equal(0)
    expect(out).to.contain('http://localhost:3000/callback/dev')
    expect(await readdir(at.folder)).to.deep.equal([])
  })
})
