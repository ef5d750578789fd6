/** `consulate serve`: runs the issuer until a signal ends it. */
import cluster from 'node:cluster'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Log } from '../observe/log.ts'
import { banner } from './banner.ts'
import { CONFIG_OPTION } from './options.ts'
import type { Source } from './source.ts'

const EXAMPLES = `
Without a configuration the server runs in development mode at http://localhost:3000, with its data in ./data.
SIGTERM and SIGINT let requests finish for up to ten seconds; a second signal ends at once.

Examples:
  $ consulate serve
  $ consulate serve --port 3100
  $ consulate serve --workers 4
  $ consulate serve --config /etc/consulate/consulate.yaml
  $ CONSULATE_CONFIG=/etc/consulate/consulate.yaml consulate serve`

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the issuer')
    .addOption(CONFIG_OPTION())
    .addOption(new Option('-p, --port <number>', 'listen on this port instead of listen.port').argParser(parsePort))
    .addOption(
      new Option('-w, --workers <number>', 'run so many processes that share the port, 1 to 64')
        .argParser(parseWorkers)
        .default(1),
    )
    .addHelpText('after', EXAMPLES)
    .action(run)
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  }
  return port
}

function parseWorkers(text: string): number {
  const workers = Number(text)
  if (!/^\d{1,2}$/.test(text) || workers < 1 || workers > 64) {
    throw new InvalidArgumentError('The number of workers is from 1 to 64.')
  }
  return workers
}

interface ServeOptions {
  readonly config?: string
  readonly port?: number
  readonly workers: number
}

async function run(options: ServeOptions): Promise<void> {
  const { sourceToServe } = await import('./source.ts')
  const source = await sourceToServe(options.config, options.port)
  const { createLog } = await import('../observe/log.ts')
  const log = createLog(source.config.log)
  endOnDefect(log)
  if (options.workers > 1 && cluster.isPrimary) return runWorkers(options.workers, source, log)
  // Last, because it is the most: a mistake in the configuration is told without loading the server.
  const { serve } = await import('../main.ts')
  const running = await serve(source.config, { log, adapterTypes: source.adapterTypes })
  if (cluster.isWorker) {
    const { endWithPrimary, tellReady } = await import('./workers.ts')
    ignoreSignals()
    endWithPrimary(() => end(() => running.close(), log))
    return tellReady()
  }
  // Before the banner: whoever reads it may send a signal at once.
  closeOnSignal(() => running.close(), log)
  // Beside the log, which goes to standard output and may be read by a machine.
  console.error(banner(source))
}

async function runWorkers(count: number, source: Source, log: Log): Promise<void> {
  const { serveWorkerMetrics, startWorkers } = await import('./workers.ts')
  const workers = await startWorkers(count, log)
  const { metrics } = source.config
  const figures = metrics && (await serveWorkerMetrics(metrics, log))
  closeOnSignal(async () => {
    await workers.close()
    await figures?.close(0)
  }, log)
  console.error(banner(source, count))
}

/** A terminal sends its signal to workers too, and their primary decides what becomes of it. */
function ignoreSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined)
}

/** npm passes on the Ctrl-C that the terminal has already sent to everybody. That is one signal, not two. */
const SAME_SIGNAL_MS = 500

function closeOnSignal(close: () => Promise<void>, log: Log): void {
  let first: number | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (first !== undefined) {
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(1)
      return
    }
    first = performance.now()
    log.info({ signal }, 'signal received')
    end(close, log)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

function end(close: () => Promise<void>, log: Log): void {
  close().then(
    () => process.exit(0),
    (err: unknown) => {
      log.fatal({ err }, 'closing failed')
      process.exit(1)
    },
  )
}

/** Node would print such an error with everything it carries; the log leaves out what must not be seen. */
function endOnDefect(log: Log): void {
  const onDefect = (err: unknown) => {
    log.fatal({ err }, 'a defect ended the process')
    process.exit(1)
  }
  process.on('uncaughtException', onDefect)
  process.on('unhandledRejection', onDefect)
}
