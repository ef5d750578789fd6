/**
 * Makes the pages' models from a pending request. Client metadata is a stranger's text: it is cleaned here, and never
 * shown as a link or an image.
 */

import type { Step } from '../adapter.ts'
import type { ChooseModel, ConsentModel, FormModel } from '../pages/models.ts'
import { displayHost, plainText } from '../pages/text.ts'
import { redirectKind } from './back.ts'
import type { PendingAuthorization } from './port.ts'

export interface NamedIdp {
  readonly id: string
  readonly name: string
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

export function consentModel(request: PendingAuthorization, idps: readonly NamedIdp[], form: FormFacts): ConsentModel {
  const redirect = displayHost(request.redirectUri)
  const only = idps.length === 1 ? idps[0] : undefined
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
    ...(only ? { idpName: only.name } : undefined),
  }
}

export function chooseModel(request: PendingAuthorization, idps: readonly NamedIdp[], form: FormFacts): ChooseModel {
  return {
    ...form,
    clientName: plainText(request.client.name),
    resourceName: request.resource.name,
    idps: idps.map(({ id, name }) => ({ id, name })),
  }
}

export function formModel(step: Extract<Step, { kind: 'form' }>, action: URL, state: string): FormModel {
  const { title, notice, fields } = step
  return { action: action.pathname, state, title, ...(notice ? { notice } : undefined), fields }
}
