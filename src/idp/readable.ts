/** What `read` takes from an object of an adapter; undefined when that breaks on being read. A refusal stays a refusal
 * without the rest of it. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
