import type { StoreEngine } from '../../src/store.ts'

/** Calls `before` with the name and the arguments of each verb, in front of it. */
export function observed(
  store: StoreEngine,
  before: (verb: string, ...args: readonly unknown[]) => Promise<void>,
): StoreEngine {
  return new Proxy(store, {
    get(target, name: string) {
      const verb = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        await before(name, ...args)
        return verb.apply(target, args)
      }
    },
  })
}
