/** How far a long command is: a bar on a terminal, else a line every few seconds. On standard error. */

export interface ProgressBar {
  show(done: number, total: number): void
  /** Leaves the last state on the screen. Safe to call more than once. */
  end(): void
}

const WIDTH = 30
/** Milliseconds between two updates. */
const TERMINAL_EVERY = 100
const LINES_EVERY = 5000

export function progressBar(what: string, out: NodeJS.WriteStream = process.stderr): ProgressBar {
  const every = out.isTTY ? TERMINAL_EVERY : LINES_EVERY
  let shownAt = performance.now()
  let last: string | undefined
  let ended = false

  const write = (line: string) => {
    out.write(out.isTTY ? `\r${line}\x1b[K` : `${line}\n`)
    shownAt = performance.now()
  }
  return {
    show(done, total) {
      const part = total === 0 ? 1 : Math.min(1, done / total)
      const bar = '#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '.')
      last = `${what} [${bar}] ${Math.floor(part * 100)} %, ${done} of ${total} records`
      if (performance.now() - shownAt >= every) write(last)
    },
    end() {
      if (ended) return
      ended = true
      if (last !== undefined) write(out.isTTY ? `${last}\n` : last)
    },
  }
}
