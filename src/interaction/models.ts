/**
 * Makes the pages' models from a pending request. Client metadata is a stranger's text: it is cleaned here, and never
 * shown as a link or an image.
 */

import type { Step } from '../adapter.ts'
import type { ChooseModel, ConsentModel, FormModel } from '../pages/models.ts'
import { displayHost, plainText } from '../pages/text.ts'
import { redirectKind } from './back.ts'
import type { PendingAuthorization } from './port.ts'

export interface ChooseFacts {
  readonly idps: readonly {
    readonly id: string
    readonly name: string
    readonly domains: readonly string[]
    readonly logo: string | undefined
  }[]
  /** What the browser says. */
  readonly lastUsed: string | undefined
  readonly email: ChooseModel['email']
}

/** What scopes of no resource mean, in words that complete "This lets the application ...". */
const OPENID_WORDS: Readonly<Record<string, string>> = {
  openid: 'Know that it is you, with your name and e-mail address',
  offline_access: 'Stay connected when you are away, until you or your organisation end it',
}

export interface FormFacts {
  readonly action: string
  readonly csrf: string
}

/** @param idp where Approve leads, when there is nothing to choose */
export function consentModel(
  request: PendingAuthorization,
  idp: { readonly name: string } | undefined,
  form: FormFacts,
): ConsentModel {
  const redirect = displayHost(request.redirectUri)
  return {
    ...form,
    clientName: plainText(request.client.name),
    ...(request.client.documentHost ? { clientHost: request.client.documentHost } : undefined),
    redirectHost: redirect.host,
    ...(redirect.ascii ? { redirectHostAscii: redirect.ascii } : undefined),
    redirectKind: redirectKind(request.redirectUri),
    resourceName: request.resource.name,
    resourceUrl: request.resource.resource,
    scopes: request.scopes.map((scope) => ({
      scope,
      words: request.resource.scopes[scope] ?? OPENID_WORDS[scope] ?? scope,
    })),
    ...(idp ? { idpName: idp.name } : undefined),
  }
}

export function chooseModel(request: PendingAuthorization, facts: ChooseFacts, form: FormFacts): ChooseModel {
  const idps = facts.idps.map(({ id, name, logo }) => {
    return { id, name, ...(logo ? { logo: { url: logo } } : undefined), lastUsed: id === facts.lastUsed }
  })
  const anyDomain = facts.idps.some(({ domains }) => domains.length > 0)
  return {
    ...form,
    clientName: plainText(request.client.name),
    resourceName: request.resource.name,
    idps: [...idps.filter(({ lastUsed }) => lastUsed), ...idps.filter(({ lastUsed }) => !lastUsed)],
    ...(anyDomain && facts.email ? { email: facts.email } : undefined),
  }
}

export function formModel(step: Extract<Step, { kind: 'form' }>, action: URL, state: string): FormModel {
  const { title, notice, fields } = step
  return { action: action.pathname, state, title, ...(notice ? { notice } : undefined), fields }
}
