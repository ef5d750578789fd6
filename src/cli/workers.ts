/**
 * Several processes on one machine that share the port: the primary, which is this file, starts them, counts requests for
 * them, replaces those that die and ends them together. Each runs `serve` like a single process would.
 */
import cluster, { type Worker } from 'node:cluster'
import { countForWorkers } from '../http/limits.ts'
import { type Listening, type ListenOptions, listen } from '../http/listen.ts'
import type { Log } from '../observe/log.ts'

/** Milliseconds that a worker must have run before it died, for the next one to be started at once. */
const STEADY_MS = 5000
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 10_000
/** Milliseconds for a worker to end by itself: its own ten seconds, and one for the way. */
const END_MS = 11_000

export interface Workers {
  /** Ends all of them: they answer what is being asked first. */
  close(): Promise<void>
}

/** What a worker tells its primary. */
const READY = 'consulate: ready'

/** For a worker: it takes requests now. */
export function tellReady(): void {
  if (cluster.isWorker) process.send?.(READY)
}

/** For a worker: ends with its primary, however that ended. */
export function endWithPrimary(close: () => void): void {
  if (cluster.isWorker) process.on('disconnect', close)
}

/** Resolves when every worker takes requests. @throws {Error} when one could not start; it has said why. */
export async function startWorkers(count: number, log: Log): Promise<Workers> {
  // The other policy, on most systems, gives nearly every connection to the same worker.
  cluster.schedulingPolicy = cluster.SCHED_RR
  countForWorkers()
  let closing = false
  let delay = FIRST_DELAY_MS

  const start = (): Worker => {
    const worker = cluster.fork()
    endWhatIsLostWith(worker)
    const began = performance.now()
    worker.once('exit', (code, signal) => {
      if (closing || !started) return
      const steady = performance.now() - began > STEADY_MS
      delay = steady ? FIRST_DELAY_MS : Math.min(delay * 2, MAX_DELAY_MS)
      log.error({ worker: worker.process.pid, code, signal, delay }, 'a worker ended; another one is started')
      setTimeout(() => closing || start(), delay).unref()
    })
    return worker
  }

  let started = false
  // With a second signal, and whatever else ends this process, nothing is left behind.
  process.once('exit', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  })
  const first: Worker[] = []
  try {
    // One before the others, so that what is wrong with all of them is said once.
    first.push(await ready(start()))
    first.push(...(await Promise.all(Array.from({ length: count - 1 }, () => ready(start())))))
  } catch (error) {
    closing = true
    await end()
    throw error
  }
  started = true
  log.info({ workers: first.map(({ process: { pid } }) => pid) }, 'all workers take requests')

  async function end(): Promise<void> {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    await Promise.all(workers.map(endWorker))
  }

  return {
    async close() {
      closing = true
      await end()
    },
  }
}

/** The figures of all workers, at one address. @throws {Error} when nothing can listen there */
export async function serveWorkerMetrics(place: ListenOptions, log: Log): Promise<Listening> {
  const { workerMetrics } = await import('../observe/metrics.ts')
  const listening = await listen(workerMetrics(), place)
  log.info({ host: place.host, port: listening.port }, 'metrics are served')
  return listening
}

/** A connection on its way to a worker that dies would stay open for ever, with nobody to answer it: Node forgets it, but
 * does not close it. Whoever is closed out asks again. */
function endWhatIsLostWith({ process: child }: Worker): void {
  const sent = new Set<Handle>()
  const send = child.send.bind(child) as (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean
  child.send = (message: unknown, handle?: unknown, ...rest: unknown[]) => {
    if (isHandle(handle)) {
      // Those that a worker took over are closed here.
      for (const each of sent) if (each.fd < 0) sent.delete(each)
      sent.add(handle)
    }
    return send(message, handle, ...rest)
  }
  child.once('exit', () => {
    for (const handle of sent) handle.close()
  })
}

/** What Node's cluster passes on: the connection itself, without the socket around it. */
interface Handle {
  readonly fd: number
  close(): void
}

function isHandle(value: unknown): value is Handle {
  return typeof value === 'object' && value !== null && 'fd' in value && 'close' in value
}

function ready(worker: Worker): Promise<Worker> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => {
      if (message === READY) resolve(worker)
    })
    worker.once('exit', () => reject(new Error('A worker could not start; what it said is above.')))
  })
}

function endWorker(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) {
      resolve()
      return
    }
    const overdue = setTimeout(() => worker.process.kill('SIGKILL'), END_MS)
    worker.once('exit', () => {
      clearTimeout(overdue)
      resolve()
    })
    // Its own way of ending. Sending a signal would be the same as what a terminal sends, which workers ignore.
    worker.disconnect()
  })
}
