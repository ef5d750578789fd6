import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolveReferences } from '../../src/config/references.ts'
import { parse, problemsIn, SECRET, sound } from './support.ts'

const $ = '$'

describe('references in the configuration', () => {
  let folder: string
  const resolve = (value: unknown, env: Record<string, string> = {}) => resolveReferences(value, { env, folder })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'consulate-references-'))
    await writeFile(join(folder, 'secret'), 'from a file\n\n')
    await writeFile(join(folder, 'large'), 'x'.repeat(70_000))
  })
  after(() => rm(folder, { recursive: true }))

  it('are replaced as a whole and as a part of a text, at any depth', () => {
    const { value, problems } = resolve(
      { a: [{ b: `${$}{env:A}` }], c: `x-${$}{env:A}-${$}{env:B}` },
      { A: '1', B: '2' },
    )
    expect(problems).to.deep.equal([])
    expect(value).to.deep.equal({ a: [{ b: '1' }], c: 'x-1-2' })
  })

  it('to a file lose one line break at its end, and start at the folder of the configuration', () => {
    expect(resolve(`${$}{file:${folder}/secret}`).value).to.equal('from a file\n')
    expect(resolve(`${$}{file:secret}`).value).to.equal('from a file\n')
  })

  it('are escaped by a second dollar sign', () => {
    expect(resolve(`${$}${$}{env:A} ${$}5`, { A: 'x' }).value).to.equal(`${$}{env:A} ${$}5`)
  })

  it('are not looked for in what a reference yields', () => {
    expect(resolve(`${$}{env:A}`, { A: `${$}{env:B}`, B: 'x' }).value).to.equal(`${$}{env:B}`)
  })

  it('name the setting and the variable that is not set, or is empty', () => {
    const { problems } = resolve(
      { idps: [{ clientSecret: `${$}{env:GONE}` }], secret: `${$}{env:EMPTY}` },
      { EMPTY: '' },
    )
    expect(problems.map((each) => each.path)).to.deep.equal(['idps[0].clientSecret', 'secret'])
    expect(problems[0]?.remedy).to.contain('GONE')
    expect(problems[1]?.remedy).to.contain('EMPTY')
  })

  it('name the setting and the file that is missing, is a folder, or is too large', () => {
    const { problems } = resolve({ a: `${$}{file:/no/such}`, b: `${$}{file:${folder}}`, c: `${$}{file:large}` })
    expect(problems.map((each) => each.path)).to.deep.equal(['a', 'b', 'c'])
    expect(problems[0]?.remedy).to.contain('/no/such')
    expect(problems[1]?.remedy).to.contain('EISDIR')
    expect(problems[2]?.remedy).to.contain('64 KiB')
  })

  it('of an unknown kind, or without an end, are mistakes', () => {
    expect(resolve([`${$}{HOME}`, `${$}{exec:ls}`, `${$}{env:A`, `${$}{env:}`], { A: '1' }).problems).to.have.length(4)
  })

  it('stand for numbers and booleans where these are due, and for text where text is due', async () => {
    const settings = sound()
    settings.listen = { port: `${$}{env:PORT}` }
    settings.registration = { enabled: `${$}{env:DCR}` }
    settings.idps[0] = { ...settings.idps[0], clientSecret: `${$}{env:UPSTREAM}` }
    const { config } = await parse(settings, { PORT: '8080', DCR: 'false', UPSTREAM: '12345678' })
    expect(config.listen.port).to.equal(8080)
    expect(config.registration.enabled).to.equal(false)
    expect(config.idps[0]?.clientSecret).to.equal('12345678')
  })

  it('leave one mistake for a setting that could not be read, not several', async () => {
    const problems = await problemsIn({ ...sound(), issuer: `${$}{env:GONE}`, secret: `${$}{env:GONE}` })
    expect(problems.map((each) => each.path)).to.deep.equal(['issuer', 'secret'])
  })

  it('hide what came from a file, whatever the setting is', async () => {
    const settings = { ...sound(), log: { level: `${$}{file:${folder}/secret}` }, secret: SECRET }
    const [problem] = await problemsIn(settings)
    expect(problem).to.deep.include({ path: 'log.level', value: '***' })
  })
})
