/** The contract suite itself, with an adapter as a third party would write it, its table of cases, and its documentation. */
import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { z } from 'zod'
import { oidcFlow, standardClaims } from '../../adapters/code-flow.ts'
import { adapters } from '../../adapters/index.ts'
import { defineAdapter } from '../../src/adapter.ts'
import { adapterContract, CASES } from '../contract/adapter.contract.ts'

const asksAgain = defineAdapter({
  type: 'asks-again',
  options: z.strictObject({ clientSecret: z.string() }),
  open: ({ clientSecret }, host) =>
    oidcFlow({
      host,
      server: new URL('https://idp.example.com'),
      clientId: 'consulate',
      clientSecret,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      recheck: true,
      backchannelLogout: true,
      identify: ({ claims }) => ({ subject: claims.sub, claims: standardClaims(claims) }),
    }),
})

adapterContract('an adapter that asks again', {
  type: asksAgain,
  options: { clientSecret: 'a secret: with/signs+' },
  idp: {
    issuer: 'https://idp.example.com',
    clientId: 'consulate',
    clientSecret: 'a secret: with/signs+',
    user: { sub: 'user-1', name: 'Ada Lovelace', email: 'ada@example.com' },
  },
  subject: 'user-1',
})

describe('the adapters that come with it', () => {
  for (const { type } of adapters) {
    it(`run the contract suite: ${type}`, async () => {
      const test = await readFile(new URL(`./${type}.test.ts`, import.meta.url), 'utf8')
      expect(test).to.match(new RegExp(`^(adapter|form)Contract\\('${type}', `, 'm'))
    })
  }
})

describe('the cases of the adapter contract', () => {
  const page = (name: string) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const groups = {
    answer: 'What the browser brings back',
    'id-token': 'The ID token',
    trouble: 'An IdP in trouble',
    network: 'The network',
    refresh: 'Asking again',
    logout: 'A logout at the IdP',
    form: 'A form in place of an IdP',
  } as const

  it('have a name each, more than forty of them', () => {
    const names = CASES.map(({ name }) => name)
    expect(names.length).to.be.above(40)
    expect(new Set(names).size).to.equal(names.length)
    for (const name of names) expect(name).to.match(/^(<endpoint>|[a-z])[a-z0-9-]+$/)
  })

  it('are the tables of docs/adapter-cases.md', async () => {
    const text = await page('adapter-cases.md')
    for (const [group, heading] of Object.entries(groups)) {
      const rows = CASES.filter((each) => each.group === group).map(
        ({ name, words, outcome }) => `| \`${name}\` | ${words} | ${outcome} |`,
      )
      const table = ['| Case | What is wrong | Outcome |', '|---|---|---|', ...rows].join('\n')
      expect(text).to.contain(`## ${heading}\n\n${table}\n`)
    }
  })

  it('come with the real GitHub adapter in docs/adapters.md', async () => {
    const source = await readFile(new URL('../../adapters/github.ts', import.meta.url), 'utf8')
    const published = source
      .replace("'./code-flow.ts'", "'consulate/code-flow'")
      .replace("'../src/adapter.ts'", "'consulate/adapter'")
    expect(published).not.to.match(/from '\./)
    expect(await page('adapters.md')).to.contain(`\`\`\`ts\n${published}\`\`\``)
  })
})
