/**
 * Whether an IdP itself was silent while an adapter worked, seen where its requests leave. Adapters say `unavailable` also
 * of one user whom an IdP tells nothing about, for instance beyond that user's limit; nobody else must wait for that.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Fetch, FetchInit } from '../adapter.ts'
import { FetchRefused } from './fetch.ts'

/** Of some requests: one had no answer, or none yet (`silent`), or all had one (`answered`), or there were none. */
export type Heard = 'silent' | 'answered' | 'nothing'

export interface Watch {
  run<T>(work: () => T): T
  /** Of all requests so far. */
  heard(): Heard
}

interface Requests {
  made: number
  open: number
  failed: number
}

const current = new AsyncLocalStorage<Requests>()

export function openWatch(): Watch {
  const requests: Requests = { made: 0, open: 0, failed: 0 }
  return {
    run: (work) => current.run(requests, work),
    heard() {
      if (requests.failed + requests.open > 0) return 'silent'
      return requests.made > 0 ? 'answered' : 'nothing'
    },
  }
}

/** A `fetch` whose requests are seen by the {@link Watch} that they are made under. */
export function watched(fetch: Fetch): Fetch {
  return async (input, init) => {
    const requests = current.getStore()
    if (!requests) return fetch(input, init)
    requests.made += 1
    requests.open += 1
    try {
      const response = await fetch(input, init)
      if (isSilence(response, init)) requests.failed += 1
      return response
    } catch (error) {
      if (!(error instanceof FetchRefused) || error.reason === 'network' || error.reason === 'timeout') {
        requests.failed += 1
      }
      throw error
    } finally {
      requests.open -= 1
    }
  }
}

/** A limit that is met with a user's own token is that user's. */
function isSilence({ status }: Response, init: FetchInit | undefined): boolean {
  if (status !== 429) return status >= 500
  return !/^Bearer /i.test(new Headers(init?.headers).get('authorization') ?? '')
}
