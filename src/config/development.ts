/** The configuration of a server that was given none: for one person on one machine, with everything built in. */
import { type Config, configSchema } from './schema.ts'

export interface DevelopmentOptions {
  readonly port?: number
  /** The host of the issuer, and what is listened on. `localhost` means 127.0.0.1 and [::1]. */
  readonly host?: 'localhost' | '127.0.0.1' | '[::1]'
  /** Where the embedded store lives. */
  readonly dataFolder: string
  readonly secret: string
}

export function developmentConfig(options: DevelopmentOptions): Config {
  const { port = 3000, host = 'localhost', dataFolder, secret } = options
  const issuer = new URL(`http://${host}:${port}`).origin
  return configSchema.parse({
    issuer,
    listen: { host: host === '[::1]' ? '::1' : host, port },
    secret,
    store: { type: 'embedded', path: dataFolder },
    idps: [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
    resources: [
      {
        resource: `${issuer}/demo/mcp`,
        name: 'Demo MCP server',
        scopes: {
          'demo:read': 'Read who you are: your name, your groups and this connection',
          'demo:write': 'Use the calculator in your name',
        },
        defaultScopes: ['demo:read'],
        claims: ['groups', 'name'],
      },
    ],
    development: true,
  })
}
