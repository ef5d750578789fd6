/**
 * The http layer: everything between the socket and the OAuth engine.
 *
 * It owns who is asking (`origin.ts`), how much may be asked (`limits.ts`, `body.ts`), what every answer carries
 * (`headers.ts`, `cors.ts`), how failures are answered and logged (`failures.ts`), and the addresses of documents
 * (`well-known.ts`). It leaves OAuth to `provider/`, pages to `pages/`, and the order of the stack to `server.ts`.
 */
import type { Middleware as KoaMiddleware, ParameterizedContext } from 'koa'

/** What the layer knows of a request. `failures()` sets the reference, `pinOrigin()` the address. */
export interface RequestState {
  /** The client's IP address, IPv4-mapped ones as IPv4; `unknown` when the socket has none. */
  address: string
  /** Eight characters that join the answer a person sees to the line in the log. */
  reference: string
}

export type Context = ParameterizedContext<RequestState>
export type Middleware = KoaMiddleware<RequestState>
