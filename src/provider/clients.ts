/**
 * Who may be a client: the library's settings for dynamic registration (RFC 7591) and Client ID Metadata Documents, on
 * the rules of `registration.ts` and `redirect-uris.ts`, and the servers that may introspect.
 */
import { type Client, type ClientMetadata, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Config } from '../config/schema.ts'
import { hashSecret } from './client-secrets.ts'
import { checkClientIdUrl, checkDocument } from './registration.ts'
import type { Resources } from './resources.ts'

/** Whether a client identifies itself by a metadata document. Registered ids are random and hold no colon. */
export function isDocumentClient(clientId: string): boolean {
  return clientId.startsWith('https://')
}

/** Whether a client gets refresh tokens: by the grant types that it registered, whatever scopes it asks for. */
export function canRefresh(client: Pick<Client, 'grantTypeAllowed'> | undefined): boolean {
  return client?.grantTypeAllowed('refresh_token') === true
}

export function clientFeatures(config: Config) {
  return {
    registration: { enabled: config.registration.enabled, issueRegistrationAccessToken: false },
    registrationManagement: { enabled: false },
    clientIdMetadataDocument: {
      enabled: config.clientMetadata.enabled,
      ack: 'draft-02',
      async allowFetch(_ctx: KoaContextWithOIDC, clientId: string): Promise<boolean> {
        const check = checkClientIdUrl(clientId, config.clientMetadata)
        if (!check.ok) throw new errors.InvalidClient('the client_id URL cannot be used', check.reason)
        return true
      },
    },
  } satisfies Configuration['features']
}

/** Holds metadata documents to the rules that registrations were held to before they reached the library. */
export function clientMetadataRules(config: Config): NonNullable<Configuration['extraClientMetadata']> {
  return {
    // The library calls the validator once per property named here, so one is enough.
    properties: ['software_id'],
    validator(_ctx, _key, _value, metadata) {
      if (!isDocumentClient(metadata.client_id)) return
      const policy = { customSchemes: config.registration.customSchemes, origin: new URL(config.issuer).origin }
      const outcome = checkDocument(new URL(metadata.client_id), metadata, policy)
      if (!outcome.ok) throw new errors.InvalidClientMetadata(outcome.reason)
      // The verdict replaces the document: what it leaves out does not count.
      for (const member of Object.keys(metadata)) delete metadata[member]
      Object.assign(metadata, outcome.metadata, { response_modes: ['query'] })
    },
  }
}

/** MCP servers that may ask `/introspect`: clients that can do nothing else. */
export function introspectionClients(resources: Resources): ClientMetadata[] {
  return resources.all.flatMap(({ introspection }) =>
    introspection
      ? {
          client_id: introspection.clientId,
          client_secret: hashSecret(introspection.clientSecret),
          token_endpoint_auth_method: 'client_secret_basic',
          grant_types: [],
          response_types: [],
          redirect_uris: [],
        }
      : [],
  )
}
