import { expect } from 'chai'
import { type Identity, LoginRefused } from '../../src/adapter.ts'
import { openPauses } from '../../src/idp/pause.ts'
import { openRecheck } from '../../src/idp/recheck.ts'
import type { Known, Secrets, Standing } from '../../src/idp/secrets.ts'

const MINUTE = 60_000
const unused = () => Promise.reject(new Error('not asked for'))

/** A re-check of one user, at an IdP that can be asked or not, with a store that nobody else writes to. */
function labWith(
  changes: Partial<Standing>,
  refresh: boolean | (() => Promise<Identity>) = true,
  own: (known: Known) => Partial<Secrets> = () => ({}),
) {
  const standing: Standing = {
    signIn: 'one',
    idp: 'idp',
    subject: 'ada',
    secret: 'upstream',
    claims: { name: 'Ada' },
    goodAt: Date.now(),
    failures: 0,
    retryAt: 0,
    leasedUntil: 0,
    ...changes,
  }
  const known = { standing, record: {} } as Known
  let looks = 0
  let leased = 0
  const done: string[] = []
  const secrets: Secrets = {
    read: async () => known,
    async fresh() {
      looks += 1
      return known
    },
    begin: unused,
    found: unused,
    keep: unused,
    settle: unused,
    async change() {
      leased += 1
      throw new Error('the question is not asked here')
    },
    discard: unused,
    forget: async () => void done.push('forgot'),
    ...own(known),
  }
  const asked = typeof refresh === 'boolean' ? async (identity: Identity) => identity : refresh
  const adapter = { start: unused, finish: unused, ...(refresh && { refresh: asked }) }
  const recheck = openRecheck({
    config: { recheckSeconds: 900, graceSeconds: 28_800 },
    idps: new Map([['idp', { id: 'idp', type: 'idp', name: 'The IdP', adapter }]]) as never,
    secrets,
    pauses: openPauses(Date.now),
    grants: {
      async endAll() {
        done.push('ended')
        return 1
      },
      any: unused,
    },
    demanded: async () => undefined,
    told: () => undefined,
    unconfirmed: () => undefined,
    apart: (work) => work(),
    now: Date.now,
  })
  return {
    verdict: () => recheck.check({ id: 'account', idp: 'idp', subject: 'ada', claims: {}, signedInAt: Date.now() }),
    looks: () => looks,
    leased: () => leased,
    done,
  }
}

describe('a process that asks about a user and dies', () => {
  for (const [when, age, verdict] of [
    ['within the grace goes on with what is known', 20 * MINUTE, { claims: { name: 'Ada' } }],
    ['beyond it is refused', 9 * 60 * MINUTE, { over: 'unconfirmed' }],
  ] as const) {
    it(`holds others up for about four seconds: who comes ${when}`, async function () {
      this.timeout(20_000)
      const lab = labWith({ goodAt: Date.now() - age, leasedUntil: Date.now() + 8000 })
      expect(await lab.verdict()).to.deep.equal(verdict)
      // Ten in a second, and far fewer than the lease has.
      expect(lab.looks()).to.be.within(1, 45)
    })
  }
})

describe('a clock that went wrong', () => {
  const HOUR = 60 * MINUTE
  const asked = async (changes: (now: number) => Partial<Standing>) => {
    const lab = labWith(changes(Date.now()))
    await lab.verdict().catch(() => undefined)
    return lab.leased()
  }

  for (const [what, changes] of Object.entries({
    'vouched for a user in the future': (now: number) => ({ goodAt: now + 24 * HOUR }),
    'leased the question for an hour': (now: number) => ({ goodAt: now - 20 * MINUTE, leasedUntil: now + HOUR }),
    'put off the next question for a day': (now: number) => ({ goodAt: now - 20 * MINUTE, retryAt: now + 24 * HOUR }),
  })) {
    it(`does not keep others from asking when it ${what}`, async () => {
      expect(await asked(changes)).to.equal(1)
    })
  }

  it('that is twelve seconds ahead does not ask beside one that asks', async function () {
    this.timeout(20_000)
    expect(await asked((now) => ({ goodAt: now - 20 * MINUTE, leasedUntil: now - 2000 }))).to.equal(0)
  })
})

describe('a refusal of an earlier sign-in', () => {
  it('does not end one that came meanwhile, also where the IdP gave it the same secret', async () => {
    const refuse = () => Promise.reject(new LoginRefused('denied', 'disabled'))
    const lab = labWith({ goodAt: Date.now() - 20 * MINUTE, broughtBy: 'one' }, refuse, (known) => {
      const later = { ...known.standing, signIn: 'two', broughtBy: 'two', goodAt: Date.now() }
      let now = known.standing
      return {
        change: async (before, standing) => ({ ...before, standing }),
        async settle(before, standing) {
          if (before.standing.signIn === 'one') {
            now = later
            return false
          }
          now = standing
          return true
        },
        fresh: async () => ({ ...known, standing: now }),
      }
    })
    expect(await lab.verdict()).to.deep.equal({ claims: { name: 'Ada' } })
    expect(lab.done).to.deep.equal([])
  })
})

describe('an end of access that was not carried out yet', () => {
  it('is, also when re-checks were turned off meanwhile', async () => {
    const lab = labWith({ ended: 'denied' }, false)
    expect(await lab.verdict()).to.deep.equal({ over: 'denied' })
    expect(lab.done).to.deep.equal(['ended', 'forgot'])
  })
})
