/**
 * Shows what the issuer promises, with processes, kills and outages: `npm run prove -- R1 --store mongodb`. Each proof
 * is bounded in count and time, prints its figures, and ends with 1 when it falls short. `--scale 0.1` makes it shorter,
 * `--seed` repeats the chance of another run.
 */
import { parseArgs } from 'node:util'
import type { StoreName } from './lab.ts'
import type { Proof } from './races.ts'

interface Run {
  readonly store: StoreName
  readonly scale: number
  readonly seed: number
}

const PROOFS: Readonly<Record<string, (run: Run) => Promise<Proof | string>>> = {
  R1: async ({ store, scale }) => (await import('./races.ts')).proveCodes(store, scale),
  R2: async ({ store, scale }) => (await import('./races.ts')).proveRefreshes(store, scale),
  R3: async ({ store, scale, seed }) => (await import('./kills.ts')).proveKills(store, scale, seed),
  R4: async ({ store, scale }) => (await import('./outage.ts')).proveOutage(store, scale),
  R6: async ({ scale, seed }) => (await import('./stepdown.ts')).proveStepDown(scale, seed),
  R7: async ({ store, scale }) => (await import('./idp.ts')).proveIdp(store, scale),
  R12: async ({ store }) => (await import('./leaks.ts')).proveNoLeak(store),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    store: { type: 'string', default: 'embedded' },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [name = ''] = positionals
const prove = PROOFS[name]
const scale = Number(values.scale)
if (!prove || !['embedded', 'mongodb'].includes(values.store) || !(scale > 0 && scale <= 1)) {
  console.error(
    `Usage: npm run prove -- ${Object.keys(PROOFS).join('|')} [--store embedded|mongodb] [--scale 0.1] [--seed n]`,
  )
  process.exit(2)
}
// A process that a signal ends runs no exit handlers, and would leave its issuers and its database behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const store = values.store as StoreName
console.log(`${name} on ${name === 'R6' ? 'mongodb' : store}, scale ${scale}, seed ${values.seed}`)
const began = performance.now()
const proof = await prove({ store, scale, seed: Number(values.seed) })
if (typeof proof === 'string') {
  console.log(`${name} NOT RUN: ${proof}`)
  process.exit(0)
}
for (const figure of proof.figures) console.log(`  ${figure}`)
console.log(`${name} ${proof.ok ? 'holds' : 'FALLS SHORT'} after ${Math.round((performance.now() - began) / 1000)} s`)
process.exit(proof.ok ? 0 : 1)
