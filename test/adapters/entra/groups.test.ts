/** Groups and app roles: of the token, of Graph, all of them or a refusal. */
import { expect } from 'chai'
import { newLogin } from '../../support/login.ts'
import { ENGINEERING, entraLab, GLOBAL, NEWSLETTER, type Options, refused, signIn, TENANT } from './lab.ts'

const GRAPH: Options = { groups: { from: 'graph' } }

describe('the groups of Entra', () => {
  const lab = entraLab()
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `5f1c5a8e-0000-4000-8000-${String(i).padStart(12, '0')}`)
  const graphRequests = async () => (await lab.entra.seen()).filter(({ path }) => path.startsWith('/v1.0/'))
  const readNames = () => lab.entra.set({ app: { consented: ['User.Read', 'GroupMember.Read.All'] } })

  it('are those of the token when it tells, without asking Graph', async () => {
    expect((await signIn(lab, lab.open())).claims.groups).to.deep.equal([ENGINEERING])
    expect(await graphRequests()).to.deep.equal([])
  })

  it('take no setting that would do nothing', () => {
    expect(() => lab.open({ groups: { from: 'graph', absent: 'none' } })).to.throw(/set groups\.from: token/)
    expect(() => lab.open({ groups: { as: 'name' } })).to.throw(/set groups\.from: graph/)
  })

  describe('of which the token says nothing', () => {
    const NONE: Options = { groups: { absent: 'none' } }

    it('are none when Graph says so too: Entra sends no groups claim about whoever is in no group', async () => {
      await lab.entra.set({ people: { ada: { groups: [] } } })
      const opened = lab.open()
      expect((await signIn(lab, opened)).claims.groups).to.deep.equal([])
      expect(await graphRequests()).to.have.length(1)
      expect(opened.warnings).to.deep.equal([])
    })

    it('are those of Graph, and the operator is told, when the app registration sends no groups claim', async () => {
      await lab.entra.set({ app: { groupMembershipClaims: null } })
      const opened = lab.open()
      expect((await signIn(lab, opened)).claims.groups).to.deep.equal([ENGINEERING])
      expect(opened.warnings.join()).to.match(/^no_groups_claim: .*Token configuration/)
    })

    it('are none, and Graph is not asked, when the configuration says so', async () => {
      await lab.entra.set({ app: { groupMembershipClaims: 'ApplicationGroup', assignedGroups: [NEWSLETTER] } })
      expect((await signIn(lab, lab.open(NONE))).claims.groups).to.deep.equal([])
      await lab.entra.set({ people: { ada: { groups: [ENGINEERING, NEWSLETTER] } } })
      expect((await signIn(lab, lab.open(NONE))).claims.groups).to.deep.equal([NEWSLETTER])
      expect(await graphRequests()).to.deep.equal([])
    })

    it('are not none because there are too many for it, or because it says something else, whatever the configuration', async () => {
      await lab.entra.set({ behaviour: { overageAbove: 0 } })
      expect((await signIn(lab, lab.open(NONE))).claims.groups).to.deep.equal([ENGINEERING])
      await lab.entra.set({ behaviour: { idToken: { groups: 'all', _claim_names: null } } })
      expect((await signIn(lab, lab.open(NONE))).claims.groups).to.deep.equal([ENGINEERING])
    })

    it('are none for personal accounts, about which Graph cannot be asked', async () => {
      const personal = { tenant: 'common', anyTenant: true, allowPersonalAccounts: true }
      await lab.entra.set({ people: { paula: { groups: [] } }, behaviour: { signWith: 'personal' } })
      for (const from of ['token', 'graph'] as const) {
        const opened = lab.open({ ...personal, groups: { from } })
        expect((await signIn(lab, opened, { loginHint: 'paula' })).claims.groups).to.deep.equal([])
      }
      expect(await graphRequests()).to.deep.equal([])
    })

    it('refuse the sign-in with the reason when Graph cannot tell either', async () => {
      await lab.entra.set({ people: { ada: { groups: [] } }, behaviour: { graphStatus: 503, graphRetryAfter: '0' } })
      await refused(signIn(lab, lab.open()), 'unavailable', /Graph/)
      await lab.entra.set({ behaviour: { graphStatus: 403 } })
      await refused(signIn(lab, lab.open()), 'not_allowed', /Graph.*groups\.absent: none/)
    })
  })

  for (const overageAs of ['claim names', 'hasgroups'] as const) {
    it(`come from Graph when they are too many for the token (${overageAs}), every page of them`, async () => {
      const groups = many(230)
      await lab.entra.set({ people: { ada: { groups } }, behaviour: { overageAs, graphPageSize: 50 } })
      expect((await signIn(lab, lab.open())).claims.groups).to.deep.equal(groups)
      expect(await graphRequests()).to.have.length(5)
    })
  }

  it('never come from where the token points to', async () => {
    const idToken = {
      _claim_names: { groups: 'src1' },
      _claim_sources: { src1: { endpoint: 'https://evil.example/' } },
    }
    await lab.entra.set({ behaviour: { idToken } })
    // The fetch of this bench reaches Entra and Graph alone.
    expect((await signIn(lab, lab.open())).claims.groups).to.deep.equal([ENGINEERING])
  })

  it('are asked of Graph with the least permission: User.Read for ids, GroupMember.Read.All for the rest', async () => {
    const scopeOf = async (groups: Options['groups']) => {
      const step = await lab.open({ groups }).adapter.start(newLogin())
      return (step.kind === 'redirect' && step.url.searchParams.get('scope')?.split(' ')) || []
    }
    const [ids, all] = [`${GLOBAL.graph}/User.Read`, `${GLOBAL.graph}/GroupMember.Read.All`]
    expect(await scopeOf({}))
      .to.include(ids)
      .and.not.to.include(all)
    expect(await scopeOf({ from: 'graph', as: 'name' })).to.include(all)
    expect(await scopeOf({ from: 'graph', kinds: 'security' })).to.include(all)
    for (const from of ['none', 'roles'] as const) expect((await scopeOf({ from })).join()).not.to.contain('graph')
  })

  it('are called by name when the configuration says so, and only those made for access if it says so', async () => {
    await readNames()
    await lab.entra.set({ people: { ada: { groups: [ENGINEERING, NEWSLETTER] } } })
    const named = lab.open({ groups: { from: 'graph', as: 'name' } })
    expect((await signIn(lab, named)).claims.groups).to.deep.equal(['Engineering', 'Newsletter'])
    const security = lab.open({ groups: { from: 'graph', kinds: 'security' } })
    expect((await signIn(lab, security)).claims.groups).to.deep.equal([ENGINEERING])
  })

  it('are names where the token holds names, and the operator is told that Graph has ids', async () => {
    await lab.entra.set({ behaviour: { idToken: { groups: ['Engineering'] } } })
    const opened = lab.open()
    expect((await signIn(lab, opened)).claims.groups).to.deep.equal(['Engineering'])
    expect(opened.warnings.join()).to.match(/^groups_are_names: .*from: graph/)
  })

  it('are not none when the app roles cannot be read', async () => {
    for (const roles of [['Files.Admin', 7], 'Files.Admin', {}]) {
      await lab.entra.set({ behaviour: { idToken: { roles } } })
      await refused(signIn(lab, lab.open({ groups: { from: 'roles' } })), 'invalid', /roles/)
    }
  })

  it('are the app roles when the configuration says so', async () => {
    await lab.entra.set({ people: { ada: { roles: ['Files.Admin'] } } })
    const opened = lab.open({ groups: { from: 'roles' } })
    expect((await signIn(lab, opened)).claims.groups).to.deep.equal(['Files.Admin'])
    expect((await signIn(lab, opened, { loginHint: 'grace' })).claims.groups).to.deep.equal([])
  })

  it('are remembered per user for minutes', async () => {
    let now = Date.now()
    const opened = lab.open(GRAPH, { now: () => new Date(now) })
    await signIn(lab, opened)
    await signIn(lab, opened)
    expect(await graphRequests()).to.have.length(1)
    await signIn(lab, opened, { loginHint: 'grace' })
    expect(await graphRequests()).to.have.length(2)
    now += 301_000
    await signIn(lab, opened)
    expect(await graphRequests()).to.have.length(3)
  })

  describe('that cannot be had', () => {
    const overage = { people: { ada: { groups: [ENGINEERING, NEWSLETTER] } }, behaviour: { overageAbove: 1 } }

    for (const [graphStatus, reason] of [
      [500, 'unavailable'],
      [504, 'unavailable'],
      [404, 'unavailable'],
      [401, 'not_allowed'],
      [403, 'not_allowed'],
    ] as const) {
      it(`refuse the sign-in as ${reason} when Graph answers ${graphStatus}`, async () => {
        await lab.entra.set({ ...overage, behaviour: { overageAbove: 1, graphStatus } })
        await refused(signIn(lab, lab.open()), reason, new RegExp(String(graphStatus)))
      })
    }

    it('refuse it as unavailable when Graph cannot be reached', async () => {
      await lab.entra.set(overage)
      const fetch = lab.entra.fetchFor()
      const opened = lab.open(
        {},
        {
          fetch: (url, init) =>
            String(url).startsWith(GLOBAL.graph) ? Promise.reject(new Error('down')) : fetch(url, init),
        },
      )
      await refused(signIn(lab, opened), 'unavailable', /Graph/)
    })

    it('refuse it as unavailable when each page is quick enough and all of them together are not', async () => {
      await lab.entra.set({ people: { ada: { groups: many(40) } }, behaviour: { graphPageSize: 5 } })
      const fetch = lab.entra.fetchFor()
      const opened = lab.open(GRAPH, {
        async fetch(url, init) {
          if (String(url).startsWith(GLOBAL.graph)) await new Promise((resolve) => setTimeout(resolve, 1000))
          return fetch(url, init)
        },
      })
      await refused(signIn(lab, opened), 'unavailable', /Graph/)
    })

    it('refuse it rather than leave out groups whose kind or name Graph does not tell', async () => {
      // Consented at the token endpoint, and not good enough at Graph: the permission was taken back meanwhile.
      const take = async (groups: Options['groups']) => {
        await readNames()
        const opened = lab.open({ groups })
        const fetch = lab.entra.fetchFor()
        const hidden = lab.open(
          { groups },
          {
            fetch: async (url, init) => {
              const response = await fetch(url, init)
              if (!String(url).startsWith(GLOBAL.graph)) return response
              return new Response(
                (await response.text()).replace(
                  /"displayName":"\w+","securityEnabled":true/g,
                  '"displayName":null,"securityEnabled":null',
                ),
              )
            },
          },
        )
        await signIn(lab, opened)
        await refused(signIn(lab, hidden), 'not_allowed', /GroupMember\.Read\.All/)
      }
      await take({ from: 'graph', as: 'name' })
      await take({ from: 'graph', kinds: 'security' })
    })

    it("refuse it rather than send the user's token to another host for the next page", async () => {
      await lab.entra.set({
        people: { ada: { groups: many(9) } },
        behaviour: { graphPageSize: 5, graphNextAt: 'https://evil.example' },
      })
      await refused(signIn(lab, lab.open(GRAPH)), 'invalid', /another host/)
    })

    it('stop nobody where no MCP server needs groups', async () => {
      await lab.entra.set({ ...overage, behaviour: { overageAbove: 1, graphStatus: 500 } })
      const { subject, claims } = await signIn(lab, lab.open({ groups: { from: 'none' } }))
      expect(subject).to.match(new RegExp(`^${TENANT}`))
      expect(claims).not.to.have.property('groups')
    })
  })
})
