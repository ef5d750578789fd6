/**
 * The main file of `observe/`, the log: JSON for machines or lines for people, made by pino.
 *
 * Owns where lines go and in which form. What a line may hold is decided in `clean.ts`, through which every argument
 * passes, so that no caller can log a credential or forge a line by mistake. What is worth a line, and at which
 * level, is left to whoever logs; the engine's events are named in `provider/events.ts`.
 */
import type { Writable } from 'node:stream'
import { type DestinationStream, destination as fileDestination, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from '../config/schema.ts'
import { clean, cleanText } from './clean.ts'

export type Log = Logger

/** Makes the log of a process. Lines go to standard output unless a destination is given. */
export function createLog(config: Config['log'], destination?: Writable): Log {
  const onTerminal = destination === undefined && process.stdout.isTTY === true
  const format = config.format === 'auto' ? (onTerminal ? 'pretty' : 'json') : config.format
  const target: DestinationStream = destination ?? fileDestination({ dest: 1, sync: true })
  const stream =
    format === 'json'
      ? target
      : pretty({
          destination: destination ?? 1,
          sync: true,
          colorize: onTerminal && !process.env.NO_COLOR,
          ignore: 'pid,hostname',
          translateTime: 'SYS:HH:MM:ss.l',
        })
  const log: Log = pino(
    {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (level) => ({ level }),
      },
      // Values are plain by the time pino sees them; its own error serializer would copy whatever an error carries.
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(args, method) {
          const [first, ...rest] = args as unknown[]
          const given = first instanceof Error ? [{ err: first }, ...(rest.length > 0 ? rest : [first.message])] : args
          const cleaned = given.map((each) => (typeof each === 'string' ? cleanText(each) : clean(each)))
          method.apply(this, cleaned as typeof args)
        },
      },
    },
    stream,
  )
  // Pino gives the bindings of a child to no formatter. Children inherit this from the log they come from.
  const { child } = log
  const childOfCleaned: Log['child'] = function (this: unknown, bindings, options) {
    return Reflect.apply(child, this, [clean(bindings), options])
  }
  log.child = childOfCleaned
  return log
}
