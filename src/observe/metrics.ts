/**
 * Figures for a Prometheus, counted in this process. Owns their names, labels and help; a label is only ever a value of
 * the configuration or of a fixed list, never what a client or an IdP sent. Where they are served is decided in `main.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface Metrics {
  /** A user was checked at an IdP, or left unchecked (`skipped`) because that IdP did not answer for others. */
  rechecked(idp: string, result: string): void
  /** A refresh went on without a good check, within the grace. */
  inGrace(idp: string): void
  /** An adapter told the operator of something that will need doing. */
  warned(idp: string, code: string): void
  /** What the store holds. */
  stored(size: { readonly records: number; readonly bytes?: number }): void
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
}

export function openMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
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
  const records = new Gauge({ name: 'consulate_store_records', help: 'Records in the store', registers })
  const bytes = new Gauge({ name: 'consulate_store_bytes', help: 'Bytes of the store on the disk', registers })

  return {
    rechecked: (idp, result) => rechecks.inc({ idp, result }),
    inGrace: (idp) => grace.inc({ idp }),
    warned: (idp, code) => warnings.inc({ idp, code: label(code) }),
    stored(size) {
      records.set(size.records)
      if (size.bytes !== undefined) bytes.set(size.bytes)
    },
    handler(req, res) {
      res.setHeader('Cache-Control', 'no-store')
      if (req.url !== '/metrics' || (req.method !== 'GET' && req.method !== 'HEAD')) {
        res.writeHead(404).end()
        return
      }
      registry.metrics().then(
        (text) => res.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
        () => res.writeHead(500).end(),
      )
    },
  }
}

/** A code of an adapter names a kind of warning; one that is no name would make a series of each occurrence. */
function label(code: string): string {
  return /^[a-z][a-z0-9_.-]{0,47}$/.test(code) ? code : 'other'
}
