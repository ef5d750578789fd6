/**
 * Lets time pass for everything in this process: the issuer, the MCP server and the client under test alike.
 * @param by milliseconds
 * @returns what brings the real time back
 */
export function passTime(by: number): () => void {
  const Real = globalThis.Date
  const now = () => Real.now() + by
  globalThis.Date = new Proxy(Real, {
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  })
  return () => {
    globalThis.Date = Real
  }
}
