/** The adapters that come with Consulate. To add one, write its file and name it here; nothing else needs to change. */
import type { AdapterType } from '../src/adapter.ts'
import { dev } from './dev.ts'
import { entra } from './entra.ts'
import { oidc } from './oidc.ts'

export const adapters: readonly AdapterType[] = [dev, entra, oidc]
