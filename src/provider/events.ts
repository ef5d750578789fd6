/**
 * The engine's events as log lines. Nothing here may name a credential: tokens and codes
 * are told apart by their grant.
 */

import type Provider from 'oidc-provider'
import type { errors, KoaContextWithOIDC } from 'oidc-provider'
import type { Logger } from 'pino'

const REFUSED = [
  'authorization.error',
  'grant.error',
  'introspection.error',
  'registration_create.error',
  'revocation.error',
] as const

export function watch(provider: Provider, log: Logger): void {
  provider.on('registration_create.success', (_ctx, client) => {
    log.info({ event: 'client.registered', client: client.clientId, name: client.clientName }, 'client registered')
  })
  provider.on('authorization.success', (ctx) => log.info(facts('authorization.granted', ctx), 'code issued'))
  provider.on('grant.success', (ctx) => {
    log.info({ ...facts('token.issued', ctx), grant_type: ctx.oidc.params?.grant_type }, 'tokens issued')
  })
  provider.on('grant.revoked', (ctx, grantId) => {
    log.info({ ...facts('grant.revoked', ctx), grant: grantId }, 'grant revoked')
  })
  for (const event of REFUSED) {
    provider.on(event as (typeof REFUSED)[0], (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
      if (error.statusCode < 500) {
        log.info({ ...facts(event, ctx), error: error.error, cause: reason(error) }, 'request refused')
      } else {
        // Not the client's doing: the store, or a host that we depend on.
        log.error(
          { ...facts(event, ctx), error: error.error, err: error.cause ?? error },
          'no answer from what we need',
        )
      }
    })
  }
  provider.on('server_error', (ctx, error) => {
    log.error({ ...facts('server_error', ctx), err: error }, 'a request failed on our side')
  })
}

function facts(event: string, ctx: KoaContextWithOIDC): Record<string, unknown> {
  const { client, account, grant } = ctx.oidc ?? {}
  return {
    event,
    reference: ctx.state.reference,
    client: client?.clientId,
    account: account?.accountId,
    grant: grant?.jti,
    resource: ctx.oidc?.params?.resource,
  }
}

function reason(error: errors.OIDCProviderError): string {
  return [error.error_description, error.error_detail].filter(Boolean).join(': ')
}
