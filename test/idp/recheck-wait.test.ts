import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openPauses } from '../../src/idp/pause.ts'
import { openRecheck } from '../../src/idp/recheck.ts'
import type { Known, Secrets, Standing } from '../../src/idp/secrets.ts'

const HOUR = 3_600_000
const unused = () => Promise.reject(new Error('not asked for'))

/** A user whom another process asks about for some looks into the store, at an IdP that never answers. */
function userWhoWaits(looksUntilFree: number) {
  const standing: Standing = {
    signIn: 'one',
    idp: 'idp',
    subject: 'ada',
    secret: 'upstream',
    claims: { name: 'Ada' },
    goodAt: Date.now() - HOUR,
    failures: 0,
    retryAt: 0,
    leasedUntil: Date.now() + 8000,
  }
  let looks = 0
  let asked = 0
  const told: string[] = []
  const known = (leasedUntil: number) => ({ standing: { ...standing, leasedUntil }, record: {} }) as Known
  const secrets: Secrets = {
    read: async () => known(standing.leasedUntil),
    async fresh() {
      looks += 1
      return known(looks < looksUntilFree ? standing.leasedUntil : 0)
    },
    change: async (before, changed) => ({ ...before, standing: changed }),
    settle: async () => true,
    begin: unused,
    found: unused,
    keep: unused,
    discard: unused,
    forget: unused,
  }
  const refresh = () => {
    asked += 1
    return new Promise(() => undefined)
  }
  const pauses = openPauses(Date.now)
  const recheck = openRecheck({
    config: { recheckSeconds: 900, graceSeconds: 28_800 },
    idps: new Map([['idp', { id: 'idp', adapter: { refresh } }]]) as never,
    secrets,
    pauses: { ...pauses, silent: () => told.push('silent') },
    grants: { endAll: unused, any: unused },
    demanded: unused,
    told: (result) => told.push(result),
    unconfirmed: () => undefined,
    apart: (work) => work(),
    now: Date.now,
  })
  const verdict = recheck.check({ id: 'account', idp: 'idp', subject: 'ada', claims: {}, signedInAt: Date.now() })
  return { verdict: Promise.race([verdict, sleep(5000, 'too late', { ref: false })]), asked: () => asked, told }
}

describe('a client that waits for another process first, and then for the IdP,', function () {
  this.timeout(20_000)

  it('has its answer within five seconds, and the IdP is not blamed for the time that it did not get', async () => {
    const user = userWhoWaits(20)
    expect(await user.verdict).to.deep.equal({ claims: { name: 'Ada' } })
    expect([user.asked(), user.told]).to.deep.equal([1, ['timeout']])
  })

  it('does not begin to ask when hardly any time is left', async () => {
    const user = userWhoWaits(33)
    expect(await user.verdict).to.deep.equal({ claims: { name: 'Ada' } })
    expect([user.asked(), user.told]).to.deep.equal([0, []])
  })
})
