import { expect } from 'chai'
import { leaveOut } from './leave-out.ts'

class Skipped extends Error {}

describe('a suite whose tool is missing', () => {
  const before = process.env.CONSULATE_TEST_ALL
  const suite = {
    skip() {
      throw new Skipped()
    },
  } as unknown as Mocha.Context
  const { error } = console
  beforeEach(() => {
    console.error = () => {}
  })
  afterEach(() => {
    console.error = error
    if (before === undefined) delete process.env.CONSULATE_TEST_ALL
    else process.env.CONSULATE_TEST_ALL = before
  })

  it('is left out', () => {
    delete process.env.CONSULATE_TEST_ALL
    expect(() => leaveOut(suite, 'no tool', 'Bring it.')).to.throw(Skipped)
  })

  it('fails where nothing may be left out', () => {
    process.env.CONSULATE_TEST_ALL = '1'
    expect(() => leaveOut(suite, 'no tool', 'Bring it.')).to.throw(/no tool\. Bring it\.$/)
  })
})
