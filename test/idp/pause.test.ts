import { expect } from 'chai'
import { openPauses } from '../../src/idp/pause.ts'

describe('an IdP that is left alone', () => {
  let time: number
  let pauses: ReturnType<typeof openPauses>

  beforeEach(() => {
    time = Date.now()
    pauses = openPauses(() => time)
  })

  const asks = (canWait = true, idp = 'idp') => pauses.begin(idp, canWait) !== undefined
  const silences = () => {
    for (let count = 0; count < 3; count += 1) pauses.silent('idp')
  }

  it('is asked by one after the pause, and by all once that one had an answer', () => {
    silences()
    expect(asks()).to.equal(false)
    time += 30_000
    expect([asks(), asks()]).to.deep.equal([true, false])
    pauses.answered('idp')
    expect([asks(), asks()]).to.deep.equal([true, true])
  })

  it('is asked again at once by a clock that was set back', () => {
    silences()
    time -= 3_600_000
    expect([asks(), asks()]).to.deep.equal([true, false])
  })

  it('is asked about fifty users at once, and beyond them only about those who cannot wait', () => {
    const done = Array.from({ length: 50 }, () => pauses.begin('idp', true))
    expect([asks(), asks(false), asks(true, 'another')]).to.deep.equal([false, true, true])
    done[0]?.()
    // For the one who could not wait.
    expect(asks()).to.equal(false)
    done[1]?.()
    expect([asks(), asks()]).to.deep.equal([true, false])
  })
})
