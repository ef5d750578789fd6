import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ERRORS, type ErrorCode } from '../src/errors.ts'

const document = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

describe('the table of errors', () => {
  it('blames this server for nothing that an IdP did: a proxy counts 5xx against it', () => {
    const statuses = Object.entries(ERRORS).flatMap(([code, { status }]) => (code.startsWith('idp_') ? [status] : []))
    expect(statuses).to.have.length(4)
    for (const status of statuses) expect(status).to.be.within(400, 499)
  })
})

describe('docs/errors.md', () => {
  const sections = new Map(
    document
      .split(/^## /m)
      .slice(1)
      .map((section) => {
        const [code = '', ...lines] = section.split('\n')
        return [code.trim(), lines.join(' ').replace(/\s+/g, ' ')]
      }),
  )

  it('describes every code of the table, and no other', () => {
    expect([...sections.keys()]).to.have.members(Object.keys(ERRORS))
  })

  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    it(`says of ${code} what the page and the log say`, () => {
      const { status, title, words, remedy, operator } = ERRORS[code]
      for (const text of [String(status), title, words, remedy, operator]) expect(sections.get(code)).to.include(text)
    })
  }
})
