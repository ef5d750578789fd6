/**
 * A client as oidc-provider itself builds it, to hold our expectations about the library against the library.
 */
import { exportJWK, generateKeyPair } from 'jose'
import { type Adapter, type ClientMetadata, Provider } from 'oidc-provider'

const unused = async () => undefined
/** Clients given in the configuration never reach the store. */
const noStore: Adapter = {
  upsert: unused,
  find: unused,
  findByUserCode: unused,
  findByUid: unused,
  consume: unused,
  destroy: unused,
  revokeByGrantId: unused,
}

/** Throws the library's own error when it refuses the metadata. */
export async function libraryClient(metadata: Record<string, unknown>, scopes: readonly string[] = []) {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const provider = new Provider('http://localhost', {
    adapter: () => noStore,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['a key that only this test knows'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    responseTypes: ['code'],
    scopes: [...scopes],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    extraClientMetadata: { properties: ['software_id', 'software_version'] },
    features: { devInteractions: { enabled: false } },
    clients: [{ client_id: 'the-client', ...metadata } as ClientMetadata],
  })
  const id = typeof metadata.client_id === 'string' ? metadata.client_id : 'the-client'
  const client = await provider.Client.find(id)
  if (client === undefined) throw new Error('the library does not know the client it was given')
  return client
}
