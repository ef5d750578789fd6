/** How a command ends when it cannot do its work: words on standard error, no stack, and an exit code. */
import { CommanderError } from 'commander'
import type { ConfigError, LocatedProblem } from '../config/load.ts'
import { cleanText } from '../observe/clean.ts'

/** Prints why, and answers the exit code: 2 for a wrong command line, 1 for everything else. */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return isHelp(error) ? 0 : 2
  if (isConfigError(error)) console.error(configText(error))
  else console.error(`consulate: ${cleanText(error instanceof Error ? error.message : String(error))}`)
  return 1
}

/** By name: the class comes with the whole reading of configurations, which not every command needs. */
function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === 'ConfigError'
}

/** Commander has printed what there is to say. Help that nobody asked for is an error. */
function isHelp(error: CommanderError): boolean {
  return error.exitCode === 0
}

function configText(error: ConfigError): string {
  return `${error.message}:\n${error.problems.map(problemText).join('\n')}`
}

function problemText({ path, value, remedy, line }: LocatedProblem): string {
  const where = line === undefined ? path : `${path} (line ${line})`
  return `\n  ${where}${value === undefined ? '' : `: ${value}`}\n    ${remedy}`
}
