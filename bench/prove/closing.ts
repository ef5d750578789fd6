/** What was opened and is to be closed, the last of it first. */
export class Closing {
  readonly #open: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#open.push(close)
  }

  /** Closes everything, also what comes after something that fails. @throws {AggregateError} what failed */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const close of this.#open.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything was closed')
  }
}
