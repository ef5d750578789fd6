/**
 * The composition root: opens the store, builds the issuer and serves it over HTTP.
 *
 * Only the command line imports this file. It owns the order of starting and stopping and the words for what can go
 * wrong there; the parts own everything else.
 */
import cluster from 'node:cluster'
import type { AdapterType } from './adapter.ts'
import type { Config } from './config/schema.ts'
import { type Listening, listen } from './http/listen.ts'
import { createIssuer, type Issuer } from './index.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metrics.ts'
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
  let figures: Listening | undefined
  let listening: Listening
  try {
    const metrics = config.metrics && (await loadMetrics())
    issuer = await createIssuer(config, { adapters: adapterTypes, store, log, ...(metrics ? { metrics } : undefined) })
    // Those of workers are served by their primary.
    if (metrics && config.metrics && !cluster.isWorker) figures = await open(metrics.handler, config.metrics, 'metrics')
    listening = await open(issuer.handler, config.listen, 'listen')
  } catch (error) {
    await figures?.close(0)
    await stop(issuer, store)
    throw error
  }
  if (figures) log.info({ host: config.metrics?.host, port: figures.port }, 'metrics are served')
  log.info({ issuer: config.issuer, host: config.listen.host, port: listening.port }, 'listening')

  let closing: Promise<void> | undefined
  const close = async () => {
    const drained = listening.close(GRACE_MS)
    log.info('closing: no new requests are taken')
    await drained
    await figures?.close(0)
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

/** Loaded only where it is wanted. */
async function loadMetrics(): Promise<Metrics> {
  const { openMetrics } = await import('./observe/metrics.ts')
  return openMetrics()
}

type Place = Config['listen']

function open(handler: Issuer['handler'], place: Place, setting: 'listen' | 'metrics'): Promise<Listening> {
  return listen(handler, place).catch((error: unknown) => {
    throw new Error(listenSentence(error, place, setting), { cause: error })
  })
}

function listenSentence(error: unknown, { host, port }: Place, setting: string): string {
  const option = setting === 'listen' ? ' (--port)' : ''
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the other program, or change ${setting}.port${option}.`
    case 'EACCES':
      return `Port ${port} may not be used by this user: change ${setting}.port${option} to 1024 or above.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host}: change ${setting}.host.`
    default:
      return `Nothing can listen on ${host}, port ${port} (${code ?? message}): change ${setting}.host or ${setting}.port.`
  }
}
