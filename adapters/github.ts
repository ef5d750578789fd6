/** GitHub: github.com, a company's own GHE.com, or an Enterprise Server. No OpenID provider: its REST API names the user. */
import { z } from 'zod'
import { defineAdapter, LoginRefused } from '../src/adapter.ts'
import { type Api, httpsUrl, idpWords, oauth2Flow } from './code-flow.ts'

const GITHUB = 'https://github.com'
const LOGIN = /^[a-z0-9][a-z0-9-]*$/i
/** Answers of the token endpoint that are about the user. */
const ENDED = new Set(['bad_refresh_token', 'unverified_user_email'])
const HEADERS = {
  accept: 'application/vnd.github+json',
  'user-agent': 'consulate',
  'x-github-api-version': '2022-11-28',
}

const User = z.object({ id: z.int().positive(), login: z.string().min(1), name: z.string().nullish() })
const Email = z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() })
const Organization = z.object({ id: z.int(), login: z.string().min(1) })
const Membership = z.object({ state: z.string(), organization: Organization })
const membershipIn = (name: string) =>
  Membership.refine((it) => it.organization.login.toLowerCase() === name.toLowerCase(), { path: ['organization'] })
const Team = z.object({ slug: z.string().min(1), organization: Organization })

export const github = defineAdapter({
  type: 'github',
  options: z
    .strictObject({
      clientId: z.string().min(1),
      clientSecret: z.string().min(1),
      /** Where people use GitHub. */
      baseUrl: httpsUrl().default(GITHUB),
      /** Only active members of one of these may sign in. */
      organizations: z.array(z.string().regex(LOGIN, 'use the name in its address')).max(20).default([]),
      /** Lets in everybody who has an account. */
      anyAccount: z.boolean().default(false),
      /** Whether organizations and teams become groups. */
      groups: z.boolean().default(true),
      /** Whether to ask GitHub again while a client stays connected. */
      recheck: z.boolean().default(true),
    })
    .superRefine(({ baseUrl, organizations, anyAccount }, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['organizations'], message })
      if (organizations.length > 0 && anyAccount) refuse('leave out either the organizations or anyAccount: true')
      if (organizations.length === 0 && !anyAccount && baseUrl === GITHUB) {
        refuse('name the organizations whose members may sign in; for everybody on github.com, set anyAccount: true')
      }
    }),
  open({ clientId, clientSecret, baseUrl, organizations, groups, recheck }, host) {
    const oauth = `${baseUrl}/login/oauth`
    return oauth2Flow({
      host,
      issuer: oauth,
      authorizationEndpoint: new URL(`${oauth}/authorize`),
      tokenEndpoint: new URL(`${oauth}/access_token`),
      api: apiOf(new URL(baseUrl)),
      headers: HEADERS,
      clientId,
      clientSecret,
      clientSecretMethod: 'client_secret_post',
      scopes: ['read:user', 'user:email', ...(groups || organizations.length > 0 ? ['read:org'] : [])],
      parameters: ({ loginHint, prompt }) => ({
        ...(loginHint && { login: loginHint }),
        ...(prompt && { prompt: 'select_account' }),
      }),
      recheck,
      explain: (answer) => (ENDED.has(answer.error) ? new LoginRefused('denied', idpWords(answer)) : undefined),
      async identify(api) {
        // First by itself, so that an outage is not met with a volley.
        const { id, login, name } = await api.read(User, 'user')
        const [emails, memberOf] = await Promise.all([
          api.list(Email, 'user/emails?per_page=100'),
          organizationsOf(organizations, groups, api),
        ])
        const email = emails.find(({ primary, verified }) => primary && verified)?.email
        return {
          // A login can be changed, and is then free for somebody else.
          subject: String(id),
          claims: {
            name: name || login,
            username: login,
            ...(email && { email, emailVerified: true }),
            ...(groups && { groups: [...memberOf.values(), ...(await teamsIn(memberOf, api))] }),
          },
        }
      },
    })
  },
})

/** The REST API is a host of its own on github.com and GHE.com, and a path on an Enterprise Server. */
function apiOf(base: URL): URL {
  const hosted = base.hostname === 'github.com' || base.hostname.endsWith('.ghe.com')
  return new URL(hosted ? `https://api.${base.hostname}` : `${base.href.replace(/\/$/, '')}/api/v3`)
}

/** The names of the organizations that count, by id. @throws {LoginRefused} `not_allowed` when some were named, and none do */
async function organizationsOf(named: readonly string[], groups: boolean, api: Api): Promise<Map<number, string>> {
  // One by one: a list leaves out what we may not see. None may answer for another, whatever was renamed.
  const each = named.map((name) => api.find(membershipIn(name), `user/memberships/orgs/${name}`))
  const whole = () => api.list(Membership, 'user/memberships/orgs?per_page=100', requireWhole)
  const found = named.length > 0 ? await Promise.all(each) : groups ? await whole() : []
  // An invitation that was not accepted is a membership with the state pending.
  const active = found.flatMap((membership) => (membership?.state === 'active' ? [membership.organization] : []))
  if (named.length === 0 || active.length > 0) return new Map(active.map(({ id, login }) => [id, login]))
  throw new LoginRefused('not_allowed', `the user is an active member of none of ${named.join(', ')}`)
}

async function teamsIn(memberOf: ReadonlyMap<number, string>, api: Api): Promise<string[]> {
  const teams = await api.list(Team, 'user/teams?per_page=100', (page) => requireWhole(page, memberOf))
  return teams.flatMap(({ slug, organization: { id } }) => (memberOf.has(id) ? [`${memberOf.get(id)}/${slug}`] : []))
}

/** Organizations with single sign-on are left out of a list until the user signs in there; only a header tells. */
function requireWhole(page: Response, counted?: ReadonlyMap<number, string>): void {
  const [kind, ids = ''] = page.headers.get('x-github-sso')?.split(/;\s*organizations=/) ?? []
  const hidden = ids.split(',').filter((id) => !counted || id === '' || counted.has(Number(id)))
  if (kind === undefined || hidden.length === 0) return
  throw new LoginRefused('not_allowed', `GitHub hides organizations until the user signs in to them (${hidden})`)
}
