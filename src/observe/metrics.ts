/**
 * Figures for a Prometheus, counted in this process; those of several workers are added up by their primary. Owns their
 * names, labels and help; a label is only ever a value of the configuration or of a fixed list, never what a client or an
 * IdP sent. Who serves them is decided in `main.ts` and `cli/workers.ts`.
 */
import cluster from 'node:cluster'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { isLoopbackHost, parseUrl } from '../url.ts'

export interface Metrics {
  /** A user was checked at an IdP, or left unchecked (`skipped`) because that IdP did not answer for others. */
  rechecked(idp: string, result: string): void
  /** A refresh went on without a good check, within the grace. */
  inGrace(idp: string): void
  /** An adapter told the operator of something that will need doing. */
  warned(idp: string, code: string): void
  /** What the store holds. */
  stored(size: { readonly records: number; readonly bytes?: number }): void
  readonly handler: Handler
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

export function openMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (cluster.isWorker) {
    AggregatorRegistry.setRegistries(registers)
    // It answers the primary from now on.
    new AggregatorRegistry()
  }
  collectDefaultMetrics({ register: registry, prefix: 'consulate_' })
  const rechecks = new Counter({
    name: 'consulate_rechecks_total',
    help: 'Re-checks of users at their IdP when a refresh token was used, by outcome',
    labelNames: ['idp', 'result'],
    registers,
  })
  const grace = new Counter({
    name: 'consulate_grace_refreshes_total',
    help: 'Refreshes that went on without a good check, because the IdP gave no answer',
    labelNames: ['idp'],
    registers,
  })
  const warnings = new Counter({
    name: 'consulate_idp_warnings_total',
    help: 'What adapters warned of, at most once an hour for each code',
    labelNames: ['idp', 'code'],
    registers,
  })
  // Workers see the same store, so theirs are not added up.
  const shared = { registers, aggregator: 'max' } as const
  const records = new Gauge({ name: 'consulate_store_records', help: 'Records in the store', ...shared })
  const bytes = new Gauge({ name: 'consulate_store_bytes', help: 'Bytes of the store on the disk', ...shared })

  return {
    rechecked: (idp, result) => rechecks.inc({ idp, result }),
    inGrace: (idp) => grace.inc({ idp }),
    warned: (idp, code) => warnings.inc({ idp, code: label(code) }),
    stored(size) {
      records.set(size.records)
      if (size.bytes !== undefined) bytes.set(size.bytes)
    },
    handler: serving(registry.contentType, () => registry.metrics()),
  }
}

/** For the primary: the figures of all its workers. */
export function workerMetrics(): Handler {
  const registry = new AggregatorRegistry()
  return serving(registry.contentType, () => registry.clusterMetrics())
}

function serving(type: string, read: () => Promise<string>): Handler {
  return (req, res) => {
    res.setHeader('Cache-Control', 'no-store')
    if (!isPlainlyNamed(req)) {
      res.writeHead(421, { 'Content-Type': 'text/plain' }).end('Ask by an IP address or as localhost.\n')
      return
    }
    if (req.url !== '/metrics' || (req.method !== 'GET' && req.method !== 'HEAD')) {
      res.writeHead(404).end()
      return
    }
    read().then(
      (text) => res.writeHead(200, { 'Content-Type': type }).end(text),
      // A worker that just ended.
      () => res.writeHead(503).end(),
    )
  }
}

/**
 * A web page that has its own name resolve to 127.0.0.1 (DNS rebinding) reaches what only this computer should, and its
 * browser sends that name. An address cannot be redirected, and `localhost` is nobody's. On a network the firewall decides
 * who may read, and names are whatever the scraper calls us.
 */
function isPlainlyNamed({ headers, socket }: IncomingMessage): boolean {
  const { localAddress = '' } = socket
  if (!isLoopbackHost(localAddress.replace(/^::ffff:/, ''))) return true
  const { hostname = '' } = parseUrl(`http://${headers.host}`) ?? {}
  return isLoopbackHost(hostname) || isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0
}

/** A code of an adapter names a kind of warning; one that is no name would make a series of each occurrence. */
function label(code: string): string {
  return /^[a-z][a-z0-9_.-]{0,47}$/.test(code) ? code : 'other'
}
