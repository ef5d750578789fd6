/** Rules for the store and for what its data is sealed with. */
import type { Problem } from './problem.ts'
import type { Config } from './schema.ts'
import { secretWeakness } from './secret-strength.ts'
import type { Salvaged } from './shape.ts'
import { problemAt } from './shown.ts'

type Candidate = Salvaged<Config>

/** Options of a MongoDB URL, by their lower-case names, that say where the database is and who asks. */
const FREE = new Set([
  'appname',
  'authmechanism',
  'authmechanismproperties',
  'authsource',
  'compressors',
  'directconnection',
  'loadbalanced',
  'proxyhost',
  'proxypassword',
  'proxyport',
  'proxyusername',
  'replicaset',
  'srvmaxhosts',
  'srvservicename',
  'tlscafile',
  'tlscertificatekeyfile',
  'tlscertificatekeyfilepassword',
  'zlibcompressionlevel',
])

/** Options that may only say what holds anyway, as the connection strings of hosted databases do. */
const FIXED: Readonly<Record<string, { readonly value: string; readonly why: string }>> = {
  w: { value: 'majority', why: 'every write waits for the majority' },
  j: { value: 'true', why: 'every write waits for the journal' },
  journal: { value: 'true', why: 'every write waits for the journal' },
  readpreference: { value: 'primary', why: 'a revoked grant must not be read again' },
  readconcernlevel: { value: 'majority', why: 'only acknowledged data is read' },
  retrywrites: { value: 'true', why: 'a write that met an election is sent again' },
  retryreads: { value: 'true', why: 'a read that met an election is sent again' },
  ssl: { value: 'true', why: 'leave TLS out where there is none' },
  tls: { value: 'true', why: 'leave TLS out where there is none' },
  tlsinsecure: { value: 'false', why: 'name your CA with tlsCAFile instead' },
  tlsallowinvalidcertificates: { value: 'false', why: 'name your CA with tlsCAFile instead' },
  tlsallowinvalidhostnames: { value: 'false', why: 'use the right host name' },
}

export function storeRules({ store }: Candidate): Problem[] {
  if (store?.type === 'embedded' && /^mongodb(\+srv)?:/i.test(store.path ?? '')) {
    return [problemAt('store.path', store.path, 'Write "type: mongodb" and "url:"; the path is a folder.')]
  }
  if (store?.type !== 'mongodb' || store.url === undefined) return []
  const { url } = store
  const start = url.indexOf('?')
  const options = new URLSearchParams(start < 0 ? '' : url.slice(start + 1))
  return [...options].flatMap(([name, value]) => {
    const key = name.toLowerCase()
    const fixed = FIXED[key]
    if (FREE.has(key) || (fixed && value.toLowerCase() === fixed.value)) return []
    const why = fixed?.why ?? 'Consulate sets the options of its connections itself'
    return [problemAt('store.url', url, `Remove the option ${shownName(name)}: ${why}.`)]
  })
}

/** A password with a question mark in it ends up among the names. */
function shownName(name: string): string {
  return /^[A-Za-z]{1,40}$/.test(name) ? name : 'that is none, and write ? in a password as %3F'
}

export function secretRules({ development, secret, previousSecrets = [] }: Candidate): Problem[] {
  const problems: Problem[] = []
  const check = (path: string, value: string | undefined) => {
    if (value === undefined) return
    const weakness = development === true ? emptiness(value) : secretWeakness(value)
    if (weakness !== undefined) problems.push(problemAt(path, value, weakness))
  }
  check('secret', secret)
  for (const [index, previous] of previousSecrets.entries()) {
    const path = `previousSecrets[${index}]`
    check(path, previous)
    if (previous !== undefined && (previous === secret || previousSecrets.indexOf(previous) < index)) {
      problems.push(problemAt(path, previous, 'Remove this one; it is named before.'))
    }
  }
  return problems
}

function emptiness(secret: string): string | undefined {
  return secret === '' ? 'Write a secret; it is empty.' : undefined
}
