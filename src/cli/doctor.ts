/** `consulate doctor`: lets each IdP's adapter look at what usually goes wrong, and prints what it found. */
import { Command } from 'commander'
import type { Finding, IdpAdapter } from '../adapter.ts'
import { cleanText } from '../observe/clean.ts'
import { callbackUrl } from '../url.ts'
import { CONFIG_OPTION } from './options.ts'

const EXAMPLES = `
Asks the identity provider itself, with the credentials of the configuration. Stores nothing and changes nothing.
Ends with 0 when nothing is bad, else with 1. What is wrong in the configuration itself is found by "consulate check".

Examples:
  $ consulate doctor
  $ consulate doctor entra --config /etc/consulate/consulate.yaml`

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look at what usually goes wrong between this server and its identity providers')
    .argument('[idp]', 'the id of an identity provider (default: all)')
    .addOption(CONFIG_OPTION())
    .addHelpText('after', EXAMPLES)
    .action(doctor)
}

async function doctor(wanted: string | undefined, options: { config?: string }): Promise<void> {
  const { sourceToCheck } = await import('./source.ts')
  const { openIdps } = await import('../idp/registry.ts')
  const { fetchForIdps } = await import('../idp/fetch.ts')
  const { config, adapterTypes } = await sourceToCheck(options.config)
  const idps = openIdps(config.idps, adapterTypes, {
    fetch: fetchForIdps(),
    redirectUri: (id) => callbackUrl(config.issuer, id),
  })
  const chosen = [...idps.values()].filter(({ id }) => wanted === undefined || id === wanted)
  if (chosen.length === 0) {
    throw new Error(`There is no identity provider "${wanted}". Write one of ${[...idps.keys()].join(', ')}.`)
  }
  let bad = 0
  let looked = 0
  for (const { id, name, type, adapter } of chosen) {
    console.log(cleanText(`${id}: ${name} (${type})`))
    for await (const finding of findings(adapter)) {
      if (finding.state === 'bad') bad += 1
      if (finding.state !== 'skipped') looked += 1
      console.log(text(finding))
    }
  }
  const good = looked === 0 ? 'Nothing was looked at.' : 'Nothing is bad.'
  console.log(bad === 0 ? good : `${bad} ${bad === 1 ? 'thing is' : 'things are'} bad.`)
  if (bad > 0) process.exitCode = 1
}

/** An adapter that breaks its promise never to throw is something bad as well. */
async function* findings(adapter: IdpAdapter): AsyncGenerator<Finding> {
  try {
    const found = adapter.diagnose?.()
    if (found) yield* found
    else yield { step: 'Adapter', state: 'skipped', detail: 'it has nothing to look at' }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    yield { step: 'Adapter', state: 'bad', detail, remedy: 'Report this to the author of the adapter.' }
  }
}

function text({ step, state, detail, remedy }: Finding): string {
  const line = `  ${state.padEnd(8)} ${cleanText(step)}: ${cleanText(detail)}`
  return remedy === undefined ? line : `${line}\n           ${cleanText(remedy)}`
}
