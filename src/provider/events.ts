/**
 * The engine's events as lines of the audit log, and its errors as lines for the operator. Nothing here may name a
 * credential: tokens and codes are told apart by their grant.
 */

import type Provider from 'oidc-provider'
import type { errors, KoaContextWithOIDC } from 'oidc-provider'
import type { Logger } from 'pino'
import type { Audit, AuditFacts } from '../observe/audit.ts'

const REFUSED = [
  'authorization.error',
  'grant.error',
  'introspection.error',
  'registration_create.error',
  'revocation.error',
] as const

export interface WatchParts {
  readonly log: Logger
  readonly audit: Audit
  /** Told of an account whose grant ended. */
  readonly grantEnded: (accountId: string) => Promise<void>
}

export function watch(provider: Provider, { log, audit, grantEnded }: WatchParts): void {
  provider.on('registration_create.success', (ctx, client) => {
    const { reference } = ctx.state
    audit('client.registered', { reference, client: client.clientId, name: client.clientName })
  })
  provider.on('authorization.success', (ctx) => audit('authorization.granted', facts(ctx)))
  provider.on('grant.success', (ctx) => {
    audit('token.issued', { ...facts(ctx), grant_type: String(ctx.oidc.params?.grant_type) })
  })
  provider.on('grant.revoked', (ctx, grantId) => {
    const account = accountOf(ctx)
    audit('grant.revoked', { ...facts(ctx), account, grant: grantId })
    // The answer does not wait for it: what stays behind is sealed, and ends by itself.
    if (account) grantEnded(account).catch((err) => log.warn({ err }, 'an upstream secret could not be deleted'))
  })
  for (const event of REFUSED) {
    provider.on(event as (typeof REFUSED)[0], (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
      if (error.statusCode < 500) {
        log.info({ event, ...facts(ctx), error: error.error, cause: reason(error) }, 'request refused')
      } else {
        // Not the client's doing: the store, or a host that we depend on.
        log.error(
          { event, ...facts(ctx), error: error.error, err: error.cause ?? error },
          'no answer from what we need',
        )
      }
    })
  }
  provider.on('server_error', (ctx, error) => {
    log.error({ event: 'server_error', ...facts(ctx), err: error }, 'a request failed on our side')
  })
}

/** Of whose grant a token is that is given back, or used twice. */
function accountOf({ oidc }: KoaContextWithOIDC): string | undefined {
  const { RefreshToken, AccessToken, AuthorizationCode } = oidc?.entities ?? {}
  return (RefreshToken ?? AccessToken ?? AuthorizationCode)?.accountId
}

function facts(ctx: KoaContextWithOIDC): AuditFacts {
  const { client, account, grant } = ctx.oidc ?? {}
  const resource = ctx.oidc?.params?.resource
  return {
    reference: ctx.state.reference,
    client: client?.clientId,
    account: account?.accountId,
    grant: grant?.jti,
    resource: typeof resource === 'string' ? resource : undefined,
  }
}

function reason(error: errors.OIDCProviderError): string {
  return [error.error_description, error.error_detail].filter(Boolean).join(': ')
}
