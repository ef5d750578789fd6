/** Token requests straight to one of the processes, under the name of the issuer, at any concurrency. */
import { Pool } from 'undici'
import type { Lab } from './lab.ts'

export interface Answered {
  /** 0 when there was no answer. */
  readonly status: number
  readonly body: Record<string, unknown>
  readonly retryAfter: boolean
  /** Milliseconds. */
  readonly took: number
}

export class Direct {
  readonly #pools: Pool[]
  readonly #host: string

  readonly #bound: number | undefined

  /** With `bound`, a request that took so many milliseconds has no answer; else it may take as long as it takes. */
  constructor({ url, issuers }: Lab, connections: number, bound?: number) {
    this.#bound = bound
    this.#host = new URL(url).host
    this.#pools = issuers.map(({ port }) => new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 }))
  }

  async post(process: number, path: string, form: Record<string, string>): Promise<Answered> {
    return this.#request(process, path, 'POST', new URLSearchParams(form).toString())
  }

  async get(process: number, path: string): Promise<Answered> {
    return this.#request(process, path, 'GET')
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()))
  }

  async #request(process: number, path: string, method: 'GET' | 'POST', body?: string): Promise<Answered> {
    const began = performance.now()
    const pool = this.#pools[process % this.#pools.length]
    if (!pool) throw new Error('there is no process')
    const took = () => performance.now() - began
    try {
      const response = await pool.request({
        path,
        method,
        headers: { host: this.#host, 'content-type': 'application/x-www-form-urlencoded' },
        ...(body === undefined ? undefined : { body }),
        ...(this.#bound === undefined ? undefined : { signal: AbortSignal.timeout(this.#bound) }),
      })
      const retryAfter = response.headers['retry-after'] !== undefined
      return { status: response.statusCode, body: parse(await response.body.text()), retryAfter, took: took() }
    } catch {
      // A process that is gone, or hangs, is a mistake that a proof counts and not one that ends it.
      return { status: 0, body: { error: 'no answer' }, retryAfter: false, took: took() }
    }
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** `{ "200": 1, "400 invalid_grant": 999 }` */
export function tally(answers: readonly Answered[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, body } of answers) {
    const key = status === 200 ? '200' : `${status} ${body.error ?? ''}`.trim()
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)
}
