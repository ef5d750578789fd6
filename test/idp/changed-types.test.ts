import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

describe('an id that passes from one IdP to another', () => {
  const open: TestIssuer[] = []
  after(async () => {
    for (const issuer of open.reverse()) await issuer.close()
  })

  /** Starts on the store of the first one, as after a change of the configuration. */
  async function warnings(...idps: [id: string, type: string][]): Promise<object[]> {
    const [first] = open
    const issuer = await startIssuer({
      adapters: [...adapters, scriptedIdps().type],
      config: (defaults) => ({ ...defaults, idps: idps.map(([id, type]) => ({ id, type, name: id })) }),
      ...(first && { store: () => first.store }),
    })
    open.push(issuer)
    return issuer.logged.flatMap(({ level, idp, before, type }) =>
      level === 40 && before ? [{ idp, before, type }] : [],
    )
  }

  it('is told to the operator, once, because the accounts stay those of the id', async () => {
    expect(await warnings(['people', 'dev'])).to.deep.equal([])
    expect(await warnings(['people', 'dev'], ['partners', 'scripted'])).to.deep.equal([])
    expect(await warnings(['people', 'scripted'], ['partners', 'scripted'])).to.deep.equal([
      { idp: 'people', before: 'dev', type: 'scripted' },
    ])
    expect(await warnings(['people', 'scripted'], ['partners', 'scripted'])).to.deep.equal([])
  })

  it('is told also when the id was not used for a while', async () => {
    expect(await warnings(['partners', 'scripted'])).to.deep.equal([])
    expect(await warnings(['people', 'dev'])).to.deep.equal([{ idp: 'people', before: 'scripted', type: 'dev' }])
  })

  it('keeps no issuer from starting when what was known cannot be opened, and is known again afterwards', async () => {
    const { store } = open[0] as TestIssuer
    for (const row of (await store.list({ kind: 'IdpType', limit: 10 })).records) {
      await store.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'update')
    }
    expect(await warnings(['people', 'scripted'])).to.deep.equal([])
    const told = open.at(-1)?.logged.filter(({ level, idp }) => level === 40 && idp === 'people')
    expect(told?.map(({ msg }) => String(msg))).to.have.length(1)
    expect(told?.[0]?.msg).to.match(/^the type that this IdP had cannot be opened/)
    expect(await warnings(['people', 'dev'])).to.deep.equal([{ idp: 'people', before: 'scripted', type: 'dev' }])
  })
})
