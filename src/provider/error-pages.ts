/** Which page a browser gets for an OAuth error that cannot be told to the client. */
import type { ErrorOut } from 'oidc-provider'
import type { ErrorCode } from '../errors.ts'

const PAGES: Readonly<Record<string, ErrorCode>> = {
  invalid_client: 'unknown_client',
  invalid_redirect_uri: 'redirect_uri',
  temporarily_unavailable: 'unavailable',
  server_error: 'internal',
}

export function pageOf(out: ErrorOut, error: Error): ErrorCode {
  // An interaction that is over is an invalid_request to the library; to the user it is something else.
  if (error.name === 'SessionNotFound') return 'flow_expired'
  if (error.name === 'InvalidClientMetadata') return 'client_metadata'
  // The library says invalid_client both for a client it does not know and for a document it could not use.
  if (out.error === 'invalid_client' && out.error_description !== 'client is invalid') return 'client_metadata'
  return PAGES[out.error] ?? 'invalid_request'
}
