/** Rules for the store and for what its data is sealed with. */
import type { Problem } from './problem.ts'
import type { Config } from './schema.ts'
import { secretWeakness } from './secret-strength.ts'
import type { Salvaged } from './shape.ts'
import { problemAt } from './shown.ts'

type Candidate = Salvaged<Config>

/** Options of a MongoDB URL that would take back what the store promises, by their lower-case names. */
const REFUSED: Readonly<Record<string, { readonly allowed: RegExp; readonly remedy: string }>> = {
  w: { allowed: /^majority$/, remedy: 'Remove w: every write waits for the majority.' },
  journal: { allowed: /^true$/, remedy: 'Remove journal: every write waits for the journal.' },
  readpreference: { allowed: /^primary$/, remedy: 'Remove readPreference: a revoked grant must not be read again.' },
  readconcernlevel: { allowed: /^majority$/, remedy: 'Remove readConcernLevel: only acknowledged data is read.' },
  tlsinsecure: { allowed: /^false$/, remedy: 'Remove tlsInsecure; name your CA with tlsCAFile instead.' },
  tlsallowinvalidcertificates: {
    allowed: /^false$/,
    remedy: 'Remove tlsAllowInvalidCertificates; name your CA with tlsCAFile instead.',
  },
  tlsallowinvalidhostnames: { allowed: /^false$/, remedy: 'Remove tlsAllowInvalidHostnames; use the right host name.' },
}

export function storeRules({ store }: Candidate): Problem[] {
  if (store?.type !== 'mongodb' || store.url === undefined) return []
  const { url } = store
  const options = new URLSearchParams(url.split('?', 2)[1] ?? '')
  return [...options].flatMap(([name, value]) => {
    const rule = REFUSED[name.toLowerCase()]
    return rule === undefined || rule.allowed.test(value.toLowerCase())
      ? []
      : [problemAt('store.url', url, rule.remedy)]
  })
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
