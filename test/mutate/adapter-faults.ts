/** More faults for `npm run mutate`: in what each adapter decides by itself, and in the API that some of them ask. */
import { type Fault, fault } from './faults.ts'

const google = fault('adapters/google.ts', 'google')
const okta = fault('adapters/okta.ts', 'okta')
const auth0 = fault('adapters/auth0.ts', 'auth0')
const keycloak = fault('adapters/keycloak.ts', 'keycloak')
const cognito = fault('adapters/cognito.ts', 'cognito')
const gitlab = fault('adapters/gitlab.ts', 'gitlab')
const github = fault('adapters/github.ts', 'github')
const dev = fault('adapters/dev.ts', 'dev')
const oauth2 = fault('adapters/code-flow/oauth2-flow.ts', 'oauth2-flow', 'github')
const api = fault('adapters/code-flow/rest-api.ts', 'oauth2-flow', 'github')

export const ADAPTER_FAULTS: readonly Fault[] = [
  dev('a form may be of another login', ["form.getAll('state').join() !== login.state", "form.get('state') === ''"]),
  dev('a form may have its state twice', ["form.getAll('state').join()", "form.get('state')"]),
  google('Google: the hosted domain is not looked at', ['if (!anyDomain && (hosted', 'if (hosted === "" && (hosted']),
  google('Google: a domain below ours is ours', [
    '!hostedDomains.includes(hosted)',
    '!hostedDomains.some((domain) => hosted.endsWith(domain))',
  ]),
  google('Google: everybody is let in unasked', [
    'if (hostedDomains.length > 0 !== anyDomain) return',
    'if (hostedDomains) return',
  ]),
  google('Google: no refresh token after the first', ["...(recheck ? ['consent'] : [])", '...[]']),
  okta('Okta: people are sent to choose an account', ['selectsAccount: false', 'selectsAccount: true']),
  okta('Okta: a list that was cut is a list', ['groups?.length === GROUPS_LIMIT', 'groups?.length === -1']),
  auth0('Auth0: the organization is not looked at', [
    'organization !== undefined && !isOf',
    'organization === "" && !isOf',
  ]),
  auth0('Auth0: an organization may be called like an id', [
    'org_id === organization :',
    '[org_id, org_name].includes(organization) :',
  ]),
  auth0('Auth0: a blocked user is taken for a fault', ["answer.error === 'unauthorized' ?", "answer.error === '' ?"]),
  keycloak('Keycloak: a group may pass for a role', ['if (groups?.some((group)', 'if (groups?.every((group)']),
  keycloak('Keycloak: a part of the list is the list', [
    'parts.every((part) => part !== undefined)',
    'parts.some(Boolean)',
  ]),
  cognito('Cognito: any list of groups counts', [
    "claims['cognito:groups'] ?? []",
    "claims['cognito:groups'] ?? claims.groups ?? []",
  ]),
  cognito('Cognito: logout has no way back', ["url?.searchParams.set('logout_uri', returnTo.href)", '']),
  gitlab('GitLab: the groups are not looked at', ['if (isAllowed.size > 0)', 'if (isAllowed.size < 0)']),
  gitlab('GitLab: groups that are not told are none', [
    "throw new LoginRefused('invalid', `GitLab told",
    "throw new LoginRefused('not_allowed', `GitLab told",
  ]),
  gitlab('GitLab: people are sent to choose an account', ['selectsAccount: false', 'selectsAccount: true']),
  gitlab('GitLab: everybody is let in unasked', [
    'groups.length === 0 && !anyAccount',
    'groups.length < 0 && !anyAccount',
  ]),
  github('GitHub: users are named by login', ['subject: String(id)', 'subject: login']),
  github('GitHub: an unverified e-mail address counts', ['primary && verified)', 'primary || verified)']),
  github('GitHub: an invitation is a membership', ["membership?.state === 'active' ?", 'membership ?']),
  github('GitHub: whoever is no member is let in', ['named.length === 0 || active.length > 0', 'named.length < 99']),
  github('GitHub: the answer may be about another organization', [
    'api.find(membershipIn(name), ',
    'api.find(Membership, ',
  ]),
  github('GitHub: everybody is let in unasked', [
    'organizations.length === 0 && !anyAccount',
    'organizations.length < 0 && !anyAccount',
  ]),
  github('GitHub: a list without an organization is whole', [
    'if (kind === undefined || hidden.length === 0) return',
    'if (hidden) return',
  ]),
  github('GitHub: teams of any organization count', ['memberOf.has(id) ?', 'id > 0 ?']),
  oauth2('a refused token request with status 200 is read like tokens', [
    'refused && status === 200 ? 400 : status',
    'refused ? status : status',
  ]),
  oauth2('a re-check does not compare the user (OAuth 2.0)', [
    'if (now.subject !== identity.subject)',
    'if (now.subject === "")',
  ]),
  oauth2('a renewed token is lost in an outage', ['keeping(JSON.stringify(kept), ', "keeping(identity.secret ?? '', "]),
  oauth2('an ended token is taken for a fault (OAuth 2.0)', [
    'const atRefresh = { explain, endsAccess: true }',
    'const atRefresh = { explain }',
  ]),
  oauth2('endpoints may be anything (OAuth 2.0)', ["if (protocol !== 'https:')", "if (protocol === 'none:')"]),
  api('the token goes wherever a next page is', ['if (!href.startsWith(base))', 'if (href === "")']),
  api('a revoked token is taken for a fault', ['if (response.status === 401)', 'if (response.status === 0)']),
  api('a limit on requests ends access', ['if (isAboutRate(response, words))', 'if (response.status === 0)']),
  api('a limit on requests is known by headers only', ['return /rate limit/i.test(words)', 'return false']),
  api('a list without an end is read forever', ['if (page === MAX_PAGES)', 'if (page === -1)']),
  api('the rest of a list is dropped', ['next = /<', 'next = page > 0 ? undefined : /<']),
  api('an answer with any status is believed', ['if (response.status !== 200)', 'if (response.status === 0)']),
]
