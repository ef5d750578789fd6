import { createServer } from 'node:http'
import type { Metrics } from '../../src/observe/metrics.ts'
import { listen } from './issuer.ts'

/** The value of a series as a Prometheus would read it, for instance of `consulate_store_records`. */
export async function reading(metrics: Metrics, series: string): Promise<number | undefined> {
  const server = createServer(metrics.handler)
  const port = await listen(server)
  try {
    const text = await (await fetch(`http://localhost:${port}/metrics`)).text()
    const line = text.split('\n').find((each) => each.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.slice(series.length + 1))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
