/**
 * Path patterns, matched the way the engine's router matches: letters of either case, one optional trailing slash. A
 * stricter match here would let `/TOKEN` past a rule made for `/token`.
 */
import type { Middleware } from './state.ts'

/** Makes a test for paths. A pattern that ends in `*` matches whatever begins with the part before it. */
export function pathMatcher(patterns: readonly string[]): (path: string) => boolean {
  const exact = new Set<string>()
  const prefixes: string[] = []
  for (const pattern of patterns) {
    const folded = pattern.toLowerCase()
    if (folded.endsWith('*')) prefixes.push(folded.slice(0, -1))
    else exact.add(folded)
  }
  return (path) => {
    const folded = path.toLowerCase()
    const trimmed = folded.length > 1 && folded.endsWith('/') ? folded.slice(0, -1) : folded
    return exact.has(folded) || exact.has(trimmed) || prefixes.some((prefix) => folded.startsWith(prefix))
  }
}

/** Runs a middleware for the paths of {@link pathMatcher} only. */
export function onPaths(patterns: readonly string[], middleware: Middleware): Middleware {
  const matches = pathMatcher(patterns)
  return (ctx, next) => (matches(ctx.path) ? middleware(ctx, next) : next())
}

/**
 * Answers HEAD on these paths with 405. Routers serve HEAD as a GET without its body, and a GET that issues a code must
 * not be reachable by a method that link checkers and forms of other sites treat as harmless.
 */
export function refuseHead(patterns: readonly string[]): Middleware {
  return onPaths(patterns, (ctx, next) => {
    if (ctx.method !== 'HEAD') return next()
    ctx.status = 405
    ctx.set('Allow', 'GET, POST')
    return undefined
  })
}
