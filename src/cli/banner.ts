/** What a person reads when the server has started: at most ten lines. */
import { placeOf } from '../stores/open.ts'
import type { Source } from './source.ts'
import { version } from './version.ts'

export function banner({ config, file }: Source, workers = 1): string {
  const [first, ...others] = config.resources
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  const idps = config.idps.map((idp) => `${idp.name} (${idp.type})`)
  const shownIdps = idps.length > 3 ? [...idps.slice(0, 3), `${idps.length - 3} more`] : idps
  const lines = [
    `Consulate ${version()}`,
    config.development && 'DEVELOPMENT MODE: anyone who reaches this port can sign in as anyone. Not for a network.',
    `  Issuer   ${config.issuer}`,
    first && `  MCP URL  ${first.resource}${more} (paste this into an MCP client)`,
    `  Store    ${placeOf(config.store)}`,
    `  Sign-in  ${shownIdps.join(', ')}`,
    workers > 1 && `  Workers  ${workers} processes`,
    `  Config   ${file ?? 'none found, so the built-in one for development'}`,
    'Press Ctrl-C to stop.',
  ]
  return lines.filter((line) => typeof line === 'string').join('\n')
}
