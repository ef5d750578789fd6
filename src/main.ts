/**
 * The composition root: opens the store, builds the issuer and serves it over HTTP.
 *
 * Only the command line imports this file. It owns the order of starting and stopping and the words for what can go
 * wrong there; the parts own everything else.
 */
import type { AdapterType } from './adapter.ts'
import type { Config } from './config/schema.ts'
import { type Listening, listen } from './http/listen.ts'
import { createIssuer, type Issuer } from './index.ts'
import type { Log } from './observe/log.ts'
import type { Store } from './store.ts'
import { openStore, placeOf } from './stores/open.ts'

export interface Running {
  /** The issuer identifier. */
  readonly url: string
  /** Answers what is being asked, for at most ten seconds, and closes the store. Safe to call more than once. */
  close(): Promise<void>
}

export interface ServeOptions {
  readonly log: Log
  readonly adapterTypes: readonly AdapterType[]
}

const GRACE_MS = 10_000

/**
 * Serves an issuer until it is closed.
 *
 * @throws {Error} one sentence that names the setting to change; nothing is left open then.
 */
export async function serve(config: Config, { log, adapterTypes }: ServeOptions): Promise<Running> {
  const began = performance.now()
  const store = await openStore(config.store, log)
  log.info({ place: placeOf(config.store), ms: Math.round(performance.now() - began) }, 'store opened')
  let issuer: Issuer | undefined
  let listening: Listening
  try {
    issuer = await createIssuer(config, { adapters: adapterTypes, store, log })
    listening = await listen(issuer.handler, config.listen).catch((error: unknown) => {
      throw new Error(listenSentence(error, config.listen), { cause: error })
    })
  } catch (error) {
    await stop(issuer, store)
    throw error
  }
  log.info({ issuer: config.issuer, host: config.listen.host, port: listening.port }, 'listening')

  let closing: Promise<void> | undefined
  const close = async () => {
    const drained = listening.close(GRACE_MS)
    log.info('closing: no new requests are taken')
    await drained
    await stop(issuer, store)
    log.info('closed')
  }
  return {
    url: config.issuer,
    close() {
      closing ??= close()
      return closing
    },
  }
}

async function stop(issuer: Issuer | undefined, store: Store): Promise<void> {
  try {
    await issuer?.close()
  } finally {
    await store.close()
  }
}

function listenSentence(error: unknown, { host, port }: Config['listen']): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the other program, or change listen.port (--port).`
    case 'EACCES':
      return `Port ${port} may not be used by this user: change listen.port (--port) to 1024 or above.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host}: change listen.host.`
    default:
      return `Nothing can listen on ${host}, port ${port} (${code ?? message}): change listen.host or listen.port.`
  }
}
