/** The adapters that come with Consulate. To add one, write its file and name it here; nothing else needs to change. */
import type { AdapterType } from '../src/adapter.ts'
import { auth0 } from './auth0.ts'
import { cognito } from './cognito.ts'
import { dev } from './dev.ts'
import { entra } from './entra.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { google } from './google.ts'
import { keycloak } from './keycloak.ts'
import { oidc } from './oidc.ts'
import { okta } from './okta.ts'

export const adapters: readonly AdapterType[] = [
  auth0,
  cognito,
  dev,
  entra,
  github,
  gitlab,
  google,
  keycloak,
  oidc,
  okta,
]
