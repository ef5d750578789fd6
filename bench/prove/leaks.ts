/** R12: everything secret that passed the wire, searched for in every record, file and log line. */
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openStore } from '../../src/stores/open.ts'
import {
  authorizationRequest,
  exchange,
  obtainTokens,
  postForm,
  refresh,
  register,
  signIn,
} from '../../test/support/client.ts'
import { type Lab, openLab, type StoreName, sleep } from './lab.ts'
import type { Proof } from './races.ts'

/** What is secret on the wire, by where it stands. Client ids, scopes and addresses are not. */
const SECRETS = [
  /"(?:client_secret|access_token|refresh_token|id_token)":"([^"]+)"/g,
  /[?&](?:code|state|code_verifier|login_hint)=([^&\s"]+)/g,
  /(?:^|&)(?:code|code_verifier|refresh_token|token|client_secret)=([^&\s]+)/gm,
  /\/interaction\/([\w-]{20,})/g,
  /^set-cookie: [^=]+=([^;\s]{8,})/gim,
  /name="token" value="([^"]+)"/g,
]

/** How a request or an answer begins. */
const BEGINNING = /(?:GET|POST|PUT|DELETE|HEAD|OPTIONS) \/\S* HTTP\/1\.1\r\n|HTTP\/1\.1 \d{3} /g

export async function proveNoLeak(store: StoreName): Promise<Proof> {
  const wire: string[] = []
  const lab = await openLab({
    store,
    processes: 2,
    logLevel: 'trace',
    wire: () => {
      const n = wire.push('') - 1
      return (bytes) => {
        wire[n] += bytes.toString('latin1')
      }
    },
  })
  try {
    const early = await plant(lab)
    await everyFlow(lab)
    const planted = [early, await plant(lab)]
    // The log is written behind.
    await sleep(500)
    const secrets = secretsOf(wire)
    const { places, skipped } = await everything(lab)
    const hits: string[] = []
    for (const { name, text } of places) {
      for (const secret of secrets) if (text.includes(secret)) hits.push(`${name} holds ${secret.slice(0, 6)}…`)
    }
    const missed = notFound(places, planted)
    for (const line of [...hits.slice(0, 20), ...missed]) console.error(line)
    const bytes = places.reduce((sum, { text }) => sum + text.length, 0)
    const kinds = [...new Set(places.map(({ kind }) => kind))]
    return {
      ok: hits.length === 0 && secrets.size > 50 && missed.length === 0,
      figures: [
        `${secrets.size} secrets, codes, tokens and cookies of the wire (${wire.length} sides of connections, ${wire.join('').length} bytes)`,
        `searched in ${places.length} places (${kinds.join(', ')}), ${bytes} bytes: ${hits.length} hits`,
        `${planted.length} texts planted in each of them, before and after all else: ${missed.length === 0 ? 'all' : 'NOT all'} found`,
        ...skipped,
      ],
    }
  } finally {
    await lab.close()
  }
}

/** @param wire what each socket sent, from its first byte to its last: what comes in two chunks stands in it in one piece */
function secretsOf(wire: readonly string[]): ReadonlySet<string> {
  const secrets = new Set<string>()
  for (const sent of wire) {
    // No line ends after a form, so what comes next on its connection would look like the end of its last value.
    const messages = sent.replace(BEGINNING, '\n$&')
    for (const pattern of SECRETS) {
      for (const [, value = ''] of messages.matchAll(pattern)) {
        const plain = decodeURIComponent(value)
        if (plain.length >= 8) secrets.add(plain)
      }
    }
  }
  return secrets
}

type Kind = 'log' | 'records' | 'files of the store'

interface Place {
  readonly kind: Kind
  readonly name: string
  readonly text: string
}

/**
 * Writes a text that looks like a token where every place must show it: a record as it would be if nothing sealed it,
 * and the name of a client, which the log tells. A search that does not find it would not find a leak either.
 */
async function plant({ store, url }: Lab): Promise<string> {
  const text = randomBytes(32).toString('base64url')
  const open = await openStore(store)
  await open.put({ kind: 'Planted', id: text.slice(0, 8), payload: text }, 'insert')
  await open.close()
  await register(url, { client_name: text })
  return text
}

/** One text may be in this file of the store and another one in that, as in its log and its data. */
function notFound(places: readonly Place[], planted: readonly string[]): string[] {
  return [...new Set(places.map(({ kind }) => kind))].flatMap((kind) => {
    const texts = places.filter((place) => place.kind === kind).map(({ text }) => text)
    return planted
      .filter((each) => !texts.some((text) => text.includes(each)))
      .map((each) => `the search does not find ${each.slice(0, 6)}… in the ${kind}, though it was planted there`)
  })
}

async function everyFlow({ url }: Lab): Promise<void> {
  for (const method of ['none', 'client_secret_post', 'client_secret_basic']) {
    const client = await register(url, { token_endpoint_auth_method: method })
    if (method === 'client_secret_basic') {
      const authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`
      await postForm(`${url}/token`, { grant_type: 'refresh_token', refresh_token: 'never issued' }, { authorization })
      continue
    }
    for (let n = 0; n < 3; n++) {
      const tokens = await obtainTokens(url, client, { scope: 'openid demo:read demo:write' })
      const first = await refresh(url, client, tokens.refresh_token)
      await refresh(url, client, tokens.refresh_token)
      await refresh(url, client, tokens.refresh_token)
      await postForm(`${url}/introspect`, {
        token: first.body.access_token,
        client_id: 'demo-server',
        client_secret: 'demo-server-secret-of-32-characters-or-more',
      })
      if (n === 2) await postForm(`${url}/revoke`, { client_id: client.client_id, token: first.body.refresh_token })
    }
    const request = authorizationRequest(url, client)
    const code = (await signIn(request)).searchParams.get('code') ?? ''
    for (let n = 0; n < 2; n++) await exchange(url, client, request, code)
    // What is left in the middle: an interaction that nobody ends, a code that nobody takes.
    await fetch(authorizationRequest(url, client).url, { redirect: 'manual' })
    await signIn(authorizationRequest(url, client))
  }
}

/** Every text that a thief could have, and why some of it is not searched. */
async function everything(lab: Lab): Promise<{ places: Place[]; skipped: string[] }> {
  const places: Place[] = [{ kind: 'log', name: 'log', text: await readFile(lab.logFile, 'latin1') }]
  if (lab.database) places.push({ kind: 'records', name: 'records', text: await lab.database.dump() })
  const folder = lab.store.type === 'embedded' ? lab.store.path : lab.engine?.program?.folder
  if (folder === undefined) {
    return { places, skipped: [`files skipped: the database was there already (${lab.engine?.description})`] }
  }
  const names = await filesBelow(folder)
  if (names.some((name) => basename(name) === 'WiredTiger')) {
    const why = 'WiredTiger compresses its blocks and its journal, so a text need not stand in them as it is'
    return { places, skipped: [`${names.length} files skipped: ${why}`] }
  }
  for (const name of names) {
    // What the store deleted meanwhile is no place any more; anything else that cannot be read ends the proof.
    const text = await readFile(name, 'latin1').catch((error) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined) places.push({ kind: 'files of the store', name, text })
  }
  if (!places.some(({ kind }) => kind === 'files of the store')) throw new Error(`the store has no files in ${folder}`)
  return { places, skipped: [] }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}
