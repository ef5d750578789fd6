/** An issuer in front of a real IdP in a process of its own, known to it under two names. */
import { type Registered, register } from './client.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export interface Federation {
  readonly issuer: TestIssuer
  readonly upstream: Upstream
  readonly client: Registered
  stop(): Promise<void>
}

/** The choices of a person who signs in as Ada at the IdP. */
export const ADA = { texts: { login: 'ada' } }

/** The demo server is for users of `company` alone; `/shared/mcp` is for those of `company` and `partner`. */
export async function startFederation(): Promise<Federation> {
  // The callbacks must be registered before the port of the issuer is known, so the issuer starts twice.
  const probe = await startIssuer()
  const { port } = new URL(probe.url)
  await probe.close()
  const upstream = await startUpstream(['company', 'partner'].map((idp) => `http://localhost:${port}/callback/${idp}`))
  const { issuer: server, clientId, clientSecret } = upstream
  const issuer = await startIssuer({
    port: Number(port),
    config: (defaults, url) => ({
      ...defaults,
      idps: [
        { id: 'company', type: 'oidc', name: 'The Company' },
        { id: 'partner', type: 'oidc', name: 'The Partner' },
      ].map((idp) => ({
        ...idp,
        domains: [`${idp.id}.example`],
        issuer: server,
        clientId,
        clientSecret,
        allowInsecure: true,
      })),
      resources: [
        ...(defaults.resources ?? []).map((resource) => ({ ...resource, idps: ['company'] })),
        {
          resource: `${url}/shared/mcp`,
          name: 'Shared server',
          scopes: { 'shared:use': 'Use the shared server' },
          defaultScopes: ['shared:use'],
        },
      ],
    }),
  })
  return {
    issuer,
    upstream,
    client: await register(issuer.url),
    async stop() {
      await issuer.close()
      await upstream.stop()
    },
  }
}
