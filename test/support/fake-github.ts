/**
 * What GitHub's REST API answers about one user, as its documentation has it: "REST API endpoints for users", "for emails",
 * "for organization members" and "for teams"; pages after "Using pagination in the REST API", organizations behind single
 * sign-on after "Authenticating to the REST API". Token errors come with status 200, after "Troubleshooting OAuth app access
 * token request errors".
 */
import type { z } from 'zod'
import { github } from '../../adapters/github.ts'
import type { ContractSubject } from '../contract/adapter.contract.ts'
import type { ApiAnswer, Faults } from './fake-idp.ts'

interface Organization {
  readonly id: number
  readonly login: string
}

export interface GithubUser {
  id: number
  login: string
  name: string | null
  emails: { email: string; primary: boolean; verified: boolean }[]
  memberships: { state: 'active' | 'pending'; organization: Organization }[]
  teams: { slug: string; organization: Organization }[]
  /** Organizations that the user has not signed in to: single requests are refused, lists are cut. */
  behindSignOn: Organization[]
  pageSize: number
}

export const ACME: Organization = { id: 11, login: 'Acme' }
export const OTHER: Organization = { id: 22, login: 'other' }

export function ada(): GithubUser {
  return {
    id: 583231,
    login: 'ada',
    name: 'Ada Lovelace',
    emails: [
      { email: 'old@example.com', primary: false, verified: true },
      { email: 'ada@example.com', primary: true, verified: true },
    ],
    memberships: [
      { state: 'active', organization: ACME },
      { state: 'active', organization: OTHER },
    ],
    teams: [
      { slug: 'core', organization: ACME },
      { slug: 'hobby', organization: OTHER },
    ],
    behindSignOn: [],
    pageSize: 100,
  }
}

/** The API below `base`, about the user as they are when it is asked. Knows the given organizations by name. */
export function githubApi(
  base: string,
  user: GithubUser,
  organizations: readonly Organization[] = [ACME, OTHER],
): Record<string, ApiAnswer> {
  const hidden = ({ id }: Organization) => user.behindSignOn.some((each) => each.id === id)

  function page(list: readonly object[], url: URL, cut = false): Response {
    const number = Number(url.searchParams.get('page') ?? '1')
    const end = number * user.pageSize
    const next = new URL(url)
    next.searchParams.set('page', String(number + 1))
    const first = new URL(url)
    first.searchParams.set('page', '1')
    const links = [`<${first}>; rel="first"`, ...(end < list.length ? [`<${next}>; rel="next"`] : [])]
    return Response.json(list.slice(end - user.pageSize, end), {
      headers: {
        link: links.join(', '),
        ...(cut && { 'x-github-sso': `partial-results; organizations=${user.behindSignOn.map(({ id }) => id)}` }),
      },
    })
  }

  function membership(organization: Organization): Response {
    const found = user.memberships.find((each) => each.organization.id === organization.id)
    if (!found) return Response.json({ message: 'Not Found' }, { status: 404 })
    if (!hidden(organization)) return Response.json(found)
    const sso = `required; url=https://github.com/orgs/${organization.login}/sso?authorization_request=A1`
    return Response.json({ message: 'Resource protected' }, { status: 403, headers: { 'x-github-sso': sso } })
  }

  const seen = <T extends { organization: Organization }>(list: readonly T[]) =>
    list.filter(({ organization }) => !hidden(organization))
  const cut = () => user.behindSignOn.length > 0
  return {
    [`${base}/user`]: () => Response.json({ id: user.id, login: user.login, name: user.name, type: 'User' }),
    [`${base}/user/emails`]: (url) => page(user.emails, url),
    [`${base}/user/memberships/orgs`]: (url) => page(seen(user.memberships), url, cut()),
    [`${base}/user/teams`]: (url) => page(seen(user.teams), url, cut()),
    ...Object.fromEntries(
      organizations.map((each) => [
        `${base}/user/memberships/orgs/${each.login.toLowerCase()}`,
        () => membership(each),
      ]),
    ),
  }
}

/** The token endpoint refuses, the way GitHub does. */
export function tokenError(error: string): NonNullable<Faults['answer']> {
  return (endpoint, response) =>
    endpoint === 'token' ? Response.json({ error, error_description: 'see the documentation' }) : response
}

type Settings = z.input<typeof github.options>

/** The adapter, and GitHub as the user meets it. */
export function githubSubject(
  user: GithubUser = ada(),
  settings: Partial<Settings> = { organizations: ['acme'] },
  base = 'https://github.com',
  api = 'https://api.github.com',
): ContractSubject<typeof github.options> {
  return {
    type: github,
    options: { clientId: 'Iv1.client', clientSecret: 'a secret: with/signs+', ...settings },
    idp: {
      issuer: `${base}/login/oauth`,
      clientId: 'Iv1.client',
      clientSecret: 'a secret: with/signs+',
      user: { name: 'Ada Lovelace', email: 'ada@example.com' },
      oauth2: {
        authorization: `${base}/login/oauth/authorize`,
        token: `${base}/login/oauth/access_token`,
        api: githubApi(api, user),
      },
    },
    subject: '583231',
  }
}
