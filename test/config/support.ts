/** A sound configuration to spoil, and the problems that come of it. */
import { stringify } from 'yaml'
import { adapters } from '../../adapters/index.ts'
import { ConfigError, type LoadedConfig, type LocatedProblem, parseConfig } from '../../src/config/load.ts'

export const SECRET = 'k3Jx0Vq9ZpLw7RtB2NsYd8Hg5CmEu1Fa'

type Settings = Record<string, unknown>

export function sound(): Settings & { idps: Settings[]; resources: Settings[] } {
  return {
    issuer: 'https://auth.example.com',
    secret: SECRET,
    idps: [
      {
        id: 'entra',
        type: 'entra',
        name: 'Contoso',
        tenant: '11111111-2222-3333-4444-555555555555',
        clientId: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        clientSecret: 'upstream-credential',
      },
    ],
    resources: [
      {
        resource: 'https://mcp.example.com/files',
        name: 'Files',
        scopes: { 'files:read': 'Read files' },
        defaultScopes: ['files:read'],
      },
    ],
  }
}

export function parse(settings: Settings | string, env: Record<string, string> = {}): Promise<LoadedConfig> {
  const text = typeof settings === 'string' ? settings : stringify(settings, { aliasDuplicateObjects: false })
  return parseConfig(text, { folder: '/etc/consulate', env, adapterTypes: adapters })
}

/** The mistakes found. Fails when the configuration is accepted. */
export async function problemsIn(
  settings: Settings | string,
  env?: Record<string, string>,
): Promise<readonly LocatedProblem[]> {
  try {
    await parse(settings, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('the configuration was accepted')
}

export async function pathsIn(settings: Settings | string, env?: Record<string, string>): Promise<string[]> {
  return (await problemsIn(settings, env)).map((problem) => problem.path)
}
