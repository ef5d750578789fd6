/**
 * The port of `interaction/` on oidc-provider's interactions and grants.
 */

import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'
import { type Identity, LoginRefused } from '../adapter.ts'
import { Failure } from '../errors.ts'
import type { AuthorizationPort, PendingAuthorization } from '../interaction/port.ts'
import type { Audit } from '../observe/audit.ts'
import type { Accounts } from './accounts.ts'
import { canRefresh, isDocumentClient } from './clients.ts'
import { outageBehind, outageFailure } from './document-fetch.ts'
import type { Grants } from './grants.ts'
import { requireGroups } from './groups.ts'
import type { Resources } from './resources.ts'
import { OPENID_SCOPES } from './scopes.ts'

type Interaction = InstanceType<Provider['Interaction']>
type Client = InstanceType<Provider['Client']>

export interface PortParts {
  readonly resources: Resources
  readonly accounts: Accounts
  readonly grants: Pick<Grants, 'noteSession'>
  /** Keeps what a later re-check of the user needs, for a client that can refresh. */
  readonly signedIn: (accountId: string, idp: string, identity: Identity, refreshes: boolean) => Promise<void>
  readonly audit: Audit
}

export function authorizationPort(provider: Provider, parts: PortParts): AuthorizationPort {
  const { resources, accounts, audit } = parts
  return {
    async pending(req, res, uid) {
      const interaction = await provider.interactionDetails(req, res).catch((cause: unknown) => {
        if (cause instanceof errors.SessionNotFound) throw new Failure('flow_expired', cause.message, { cause })
        throw cause
      })
      if (interaction.uid !== uid) throw new Failure('flow_expired', 'the address and the cookie name two interactions')
      return describe(interaction, await clientOf(interaction))
    },

    async approve(uid) {
      const interaction = await open(uid)
      interaction.result = { approved: true }
      await persist(interaction)
    },

    async grant(uid, idp, identity) {
      const interaction = await open(uid)
      if (interaction.result?.approved !== true) throw new Failure('flow_expired', 'the client was not approved here')
      const registered = await clientOf(interaction)
      const { client, resource, scopes } = describe(interaction, registered)
      // Whatever led the browser there, and whatever the configuration said when it left.
      if (resource.idps && !resource.idps.includes(idp)) {
        throw new LoginRefused('not_allowed', `${resource.resource} is not for users of ${idp}`)
      }
      requireGroups(resource, identity.claims)
      const { id: accountId } = await accounts.remember(idp, identity)
      const grant = new provider.Grant({ accountId, clientId: client.id })
      grant.addOIDCScope(scopes.filter((scope) => OPENID_SCOPES.includes(scope)).join(' '))
      grant.addResourceScope(
        resource.resource,
        scopes.filter((scope) => Object.hasOwn(resource.scopes, scope)).join(' '),
      )
      // One member for each value of `prompt` that this interaction satisfies.
      const grantId = await grant.save()
      interaction.result = { login: { accountId, remember: false }, consent: { grantId }, select_account: {} }
      try {
        // Before anybody can use the grant, and after it is there: an account without one has no upstream secret.
        if (identity.session !== undefined) await parts.grants.noteSession(grantId, accountId, idp, identity.session)
        await parts.signedIn(accountId, idp, identity, canRefresh(registered))
        await persist(interaction)
      } catch (error) {
        // Nobody will come for this grant. Why it came to this counts more than whether it could be deleted.
        await grant.destroy().catch(() => {})
        throw error
      }
      const facts = { client: client.id, account: accountId, grant: grantId, resource: resource.resource, idp }
      audit('consent.given', { ...facts, scopes: scopes.join(' ') })
      return new URL(interaction.returnTo)
    },

    async deny(uid, error, description) {
      const interaction = await provider.Interaction.find(uid)
      if (!interaction) return undefined
      if (!(await ended(interaction))) return undefined
      audit('consent.refused', { client: String(interaction.params.client_id), reason: error })
      const { redirect_uri: redirectUri, state } = interaction.params
      const answer = new URLSearchParams({ error, error_description: description, iss: provider.issuer })
      if (state) answer.set('state', String(state))
      // As text, because a registered redirect URI must stay as it is, to the byte.
      const separator = String(redirectUri).includes('?') ? '&' : '?'
      return new URL(`${redirectUri}${separator}${answer}`)
    },
  }

  async function persist(interaction: Interaction): Promise<void> {
    await interaction.persist().catch((cause: unknown) => {
      throw cause instanceof errors.SessionNotFound ? new Failure('flow_expired', cause.message, { cause }) : cause
    })
  }

  /** Whether this call ended it, and not another one. */
  async function ended(interaction: Interaction): Promise<boolean> {
    try {
      await interaction.destroy()
      return true
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return false
      throw error
    }
  }

  async function open(uid: string): Promise<Interaction> {
    const interaction = await provider.Interaction.find(uid)
    if (!interaction) throw new Failure('flow_expired', 'the interaction is over')
    return interaction
  }

  async function clientOf({ params }: Interaction): Promise<Client> {
    const client = await provider.Client.find(String(params.client_id)).catch((error: unknown) => {
      const outage = outageBehind(error)
      throw outage ? outageFailure(outage) : error
    })
    if (!client) throw new Failure('unknown_client', 'the client was deleted during its authorization request')
    return client
  }

  function describe({ uid, params, result }: Interaction, client: Client): PendingAuthorization {
    const resource = resources.named(String(params.resource))
    if (!resource) throw new Failure('request_refused', 'the resource was removed from the configuration meanwhile')
    return {
      uid,
      client: {
        id: client.clientId,
        name: client.clientName ?? '',
        ...(isDocumentClient(client.clientId) ? { documentHost: new URL(client.clientId).host } : undefined),
      },
      redirectUri: String(params.redirect_uri),
      resource,
      scopes: String(params.scope ?? '')
        .split(' ')
        .filter(Boolean),
      hints: hints(params),
      approved: result?.approved === true,
    }
  }
}

/** What of the client's request is passed on to the IdP: who should sign in and how, never resource or scope. */
function hints(params: Record<string, unknown>): PendingAuthorization['hints'] {
  const prompts = String(params.prompt ?? '').split(' ')
  const prompt = prompts.includes('login') || params.max_age !== undefined ? 'login' : undefined
  const chosen = prompt ?? (prompts.includes('select_account') ? 'select_account' : undefined)
  const loginHint = typeof params.login_hint === 'string' ? params.login_hint.slice(0, 256) : undefined
  return { ...(chosen ? { prompt: chosen } : undefined), ...(loginHint ? { loginHint } : undefined) }
}
