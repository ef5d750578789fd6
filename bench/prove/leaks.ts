/** R12: everything secret that passed the wire, searched for in every record, file and log line. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
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

export async function proveNoLeak(store: StoreName): Promise<Proof> {
  let wire = ''
  const lab = await openLab({
    store,
    processes: 2,
    logLevel: 'trace',
    wire: (bytes) => {
      wire += bytes.toString('latin1')
    },
  })
  try {
    await everyFlow(lab)
    // The log is written behind.
    await sleep(500)
    const secrets = new Set<string>()
    for (const pattern of SECRETS) {
      for (const [, value = ''] of wire.matchAll(pattern)) {
        const plain = decodeURIComponent(value)
        if (plain.length >= 8) secrets.add(plain)
      }
    }
    const places = await everything(lab)
    const hits: string[] = []
    for (const [place, text] of places) {
      for (const secret of secrets) if (text.includes(secret)) hits.push(`${place} holds ${secret.slice(0, 6)}…`)
    }
    const bytes = [...places.values()].reduce((sum, text) => sum + text.length, 0)
    // The search must be able to find something: kinds of records are readable, and the log names the endpoints.
    const works =
      [...places].some(([, text]) => text.includes('RefreshToken')) && places.get('log')?.includes('listening')
    for (const hit of hits.slice(0, 20)) console.error(hit)
    return {
      ok: hits.length === 0 && secrets.size > 50 && works === true,
      figures: [
        `${secrets.size} secrets, codes, tokens and cookies of the wire (${wire.length} bytes)`,
        `searched in ${places.size} places, ${bytes} bytes: ${hits.length} hits; the search finds what is there: ${works}`,
      ],
    }
  } finally {
    await lab.close()
  }
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

/** Every text that a thief could have, by where it lies. */
async function everything(lab: Lab): Promise<Map<string, string>> {
  const places = new Map<string, string>([['log', await readFile(lab.logFile, 'latin1')]])
  if (lab.database) places.set('records', await lab.database.dump())
  const folders = [join(lab.folder, 'data'), lab.engine?.program?.folder].filter((folder) => folder !== undefined)
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const file = join(folder, name)
      places.set(file, await readFile(file, 'latin1').catch(() => ''))
    }
  }
  return places
}
