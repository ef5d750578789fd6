import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import { ConfigError, loadConfig } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { parse, pathsIn, problemsIn, SECRET, sound } from './support.ts'

describe('the configuration file', () => {
  it('is accepted when it is sound, with defaults filled in', async () => {
    const { config } = await parse(sound())
    expect(config.tokens.accessTokenSeconds).to.equal(600)
    expect(config.development).to.equal(false)
    expect(config.idps[0]).to.include({ id: 'entra', clientSecret: 'upstream-credential' })
  })

  it('resolves relative paths against its own folder', async () => {
    const { config } = await parse({ ...sound(), store: { type: 'embedded', path: 'data' }, viewsDir: './views' })
    expect(config.store).to.include({ path: '/etc/consulate/data' })
    expect(config.viewsDir).to.equal('/etc/consulate/views')
  })

  it('names every mistake at once, whether of shape, of a rule, of a reference or of an adapter', async () => {
    const settings = sound()
    settings.issuer = 'https://auth.example.com/'
    settings.secret = 'short'
    settings.listen = { port: 'many' }
    settings.idps[0] = { ...settings.idps[0], tenant: 'common', clientSecret: '$'.concat('{env:UPSTREAM}') }
    settings.resources[0] = { ...settings.resources[0], defaultScopes: ['nope'], colour: 'red' }
    settings.tokens = { grantSeconds: 5 }
    expect(await pathsIn(settings)).to.have.members([
      'issuer',
      'secret',
      'listen.port',
      'idps[0].tenant',
      'idps[0].clientSecret',
      'resources[0].defaultScopes[0]',
      'resources[0].colour',
      'tokens.grantSeconds',
    ])
  })

  it('gives the line and the value of a mistake', async () => {
    const [problem] = await problemsIn(
      `issuer: https://auth.example.com/\nsecret: ${SECRET}\nidps: []\nresources: []\n`,
    )
    expect(problem).to.deep.include({ path: 'issuer', line: 1, value: '"https://auth.example.com/"' })
    expect(problem?.remedy).to.match(/: https:\/\/auth\.example\.com$/)
  })

  it('lists mistakes in the order of the file', async () => {
    const lines = (await problemsIn('development: x\nissuer: 5\nlog: { level: loud }\n')).map((each) => each.line ?? 99)
    expect(lines).to.deep.equal([...lines].sort((a, b) => a - b))
    expect(lines).to.include.members([1, 2, 3])
  })

  it('rejects an unknown setting and names the one that was meant', async () => {
    const problems = await problemsIn({ ...sound(), trusted_proxies: [], tokens: { acessTokenSeconds: 5 }, hobby: 1 })
    const remedies = Object.fromEntries(problems.map(({ path, remedy }) => [path, remedy]))
    expect(remedies.trusted_proxies).to.contain('Did you mean "trustedProxies"?')
    expect(remedies['tokens.acessTokenSeconds']).to.contain('Did you mean "accessTokenSeconds"?')
    expect(remedies.hobby).to.contain('Remove it.')
  })

  it('rejects a setting that JavaScript would take for a prototype', async () => {
    expect(await pathsIn(`{"__proto__": {"development": true}, ${JSON.stringify(sound()).slice(1)}`)).to.deep.equal([
      '__proto__',
    ])
  })

  it('never shows a secret value, also under a mistyped name or out of a URL', async () => {
    const settings = sound()
    settings.secret = 'top-secret-one'
    settings.secrte = 'top-secret-two'
    settings.issuer = 'https://admin:top-secret-three@auth.example.com'
    settings.idps[0] = { ...settings.idps[0], clientSecret: ['top-secret-four'], password: 'top-secret-five' }
    settings.resources[0] = {
      ...settings.resources[0],
      introspection: { clientId: 'A', clientSecret: 'top-secret-six' },
    }
    const problems = await problemsIn(settings)
    expect(problems).to.have.length.at.least(6)
    expect(JSON.stringify(problems)).not.to.contain('top-secret')
    expect(problems.find((each) => each.path === 'secret')?.value).to.equal('***')
  })

  it('rejects a setting that is written twice, with its line and without its text', async () => {
    const [problem, ...others] = await problemsIn(`issuer: a\nsecret: top-secret-one\nsecret: top-secret-two\n`)
    expect(others).to.deep.equal([])
    expect(problem?.path).to.equal('line 3, column 1')
    expect(JSON.stringify(problem)).not.to.contain('top-secret')
  })

  it('hides a secret before any problem is made of it, and not the numbers of similar name', () => {
    expect(shown('clientSecret', 'x')).to.equal('***')
    expect(shown('idps[0].privateKey', 5)).to.equal('***')
    expect(shown('tokens.accessTokenSeconds', 4000)).to.equal('4000')
    expect(shown('limits.token', 0)).to.equal('0')
  })

  it('does not quote the file when it is no YAML', async () => {
    expect(JSON.stringify(await problemsIn('secret: !top-secret'))).not.to.contain('top-secret')
    const problems = await problemsIn('issuer: [a\nsecret: "top-secret\n  }: x')
    expect(problems[0]?.path).to.match(/^line \d+, column \d+$/)
    expect(JSON.stringify(problems)).not.to.contain('top-secret')
  })

  it('tells the first mistake of syntax, and only counts what the parser stumbles over after it', async () => {
    const broken = `issuer: https://a: b: c\nname: a: b: c\nname: 1\nother: *x\n`
    const [problem, ...others] = await problemsIn(broken)
    expect(others).to.deep.equal([])
    expect(problem?.path).to.equal('line 1, column 9')
    expect(problem?.remedy).to.match(/in quotes.* \(And \d+ more, which may go away with this one\.\)$/)
    const [single] = await problemsIn('issuer: [a\n')
    expect(single?.remedy).not.to.contain('more')
  })

  it('tells every setting that is written twice', async () => {
    expect(await pathsIn('issuer: a\nissuer: b\nsecret: a\nsecret: b\n')).to.deep.equal([
      'line 2, column 1',
      'line 4, column 1',
    ])
  })

  it('rejects aliases, so that a small file cannot become a huge one', async () => {
    const bomb = ['a: &a [x, x]', 'b: &b [*a, *a]', 'c: &c [*b, *b]', 'd: [*c, *c]'].join('\n')
    const problems = await problemsIn(bomb)
    expect(problems).to.have.length(6)
    expect(problems[0]?.remedy).to.contain('aliases are not allowed')
  })

  it('rejects tags and a second document', async () => {
    expect(await pathsIn('issuer: !secret x\n')).to.deep.equal(['line 1, column 9'])
    expect(await pathsIn('issuer: x\n---\nissuer: y\n')).to.have.length(1)
  })

  it('says what is missing when the file is empty', async () => {
    expect(await pathsIn('')).to.have.members(['issuer', 'secret', 'idps', 'resources'])
  })

  it('rejects a file that holds no settings', async () => {
    expect((await problemsIn('- a\n- b\n'))[0]?.remedy).to.contain('must hold settings')
  })

  it('names a file that does not exist', async () => {
    const error = await loadConfig('/nowhere/consulate.yaml', adapters).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(ConfigError)
    expect((error as ConfigError).problems[0]).to.deep.include({ value: '"/nowhere/consulate.yaml"' })
  })

  it('loads an adapter from a module beside it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'consulate-config-'))
    try {
      const options = '{ safeParse: () => ({ success: true, data: {} }), parse: () => ({}) }'
      const adapter = `{ contract: 1, type: 'own', options: ${options}, open: () => ({}) }`
      await writeFile(join(folder, 'own.mjs'), `export default ${adapter}\n`)
      const settings = { ...sound(), idps: [{ id: 'own', type: './own.mjs', name: 'Own' }] }
      await writeFile(join(folder, 'consulate.yaml'), JSON.stringify(settings))
      const { adapterTypes } = await loadConfig(join(folder, 'consulate.yaml'), adapters)
      expect(adapterTypes.map((each) => each.type)).to.deep.equal([...adapters.map((each) => each.type), './own.mjs'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('names the IdP whose adapter cannot be loaded', async () => {
    const settings = sound()
    settings.idps.push({ id: 'own', type: './missing.mjs', name: 'Own' })
    expect(await pathsIn(settings)).to.deep.equal(['idps[1].type'])
  })
})
