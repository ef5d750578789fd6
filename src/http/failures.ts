/** The outermost middleware: whatever goes wrong inside ends here as one log line and one plain answer. */
import { randomBytes } from 'node:crypto'
import { ERRORS, type ErrorCode, Failure } from '../errors.ts'
import type { FailureModel } from '../pages/models.ts'
import type { Context, Middleware } from './state.ts'
import { judge, logFields, type Verdict } from './verdict.ts'

type Write = (fields: Record<string, unknown>, message: string) => void

/** The part of a pino logger that is used here. */
export interface FailureLog {
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

export interface FailuresOptions {
  readonly log: FailureLog
  /** Renders a page into the context, status and headers included. */
  readonly show: (ctx: Context, page: 'failure', model: FailureModel, status: number) => void | Promise<void>
}

/** Seconds after which a client may try again when the storage does not answer. */
export const RETRY_AFTER = '2'
/** Crockford's base 32: no letter that is mistaken for a digit when a reference is read out on the telephone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Gives every request its reference, and every error an answer: a page for browsers, JSON for everything else. */
export function failures({ log, show }: FailuresOptions): Middleware {
  return async (ctx, next) => {
    ctx.state.reference = newReference()
    try {
      await next()
    } catch (error) {
      const verdict = judge(error, ctx)
      log[verdict.level](logFields(error, verdict, ctx), ERRORS[verdict.code].title)
      if (ctx.headerSent) {
        // Too late to answer. A cut connection at least cannot be taken for a complete reply.
        ctx.respond = false
        if (!ctx.res.writableEnded) ctx.res.destroy()
        return
      }
      prepare(ctx, error, verdict)
      if (ctx.accepts('json', 'html') !== 'html') return answerJson(ctx, verdict)
      try {
        await show(ctx, 'failure', failureModel(verdict.code, ctx.state.reference, shownBy(error)), verdict.status)
      } catch (broken) {
        const internal = judge(broken, ctx)
        log.error(logFields(broken, internal, ctx), 'The failure page itself could not be shown')
        answerJson(ctx, verdict)
      }
    }
  }
}

export function failureModel(
  code: ErrorCode,
  reference: string,
  { back, words: own }: Pick<Failure, 'back' | 'words'> = {},
): FailureModel {
  const { title, words, remedy } = ERRORS[code]
  return { title, words, remedy, ...own, reference, ...(back === undefined ? {} : { back }) }
}

/** Ends the stack: what nobody answered is not published. */
export function notFound(): Middleware {
  return (ctx) => {
    throw new Failure('not_found', `nothing answers ${ctx.method} here`)
  }
}

/** What a failure brings for its page. */
function shownBy(error: unknown): Pick<Failure, 'back' | 'words'> {
  return error instanceof Failure ? error : {}
}

function prepare(ctx: Context, error: unknown, { code }: Verdict): void {
  // A step that takes the answer over from Koa may have failed before it wrote one.
  ctx.respond = true
  // Headers set for the answer that did not come about. CORS and security headers stay: a failure needs them too.
  for (const name of ['Content-Encoding', 'ETag', 'Last-Modified', 'Location']) ctx.remove(name)
  if (error instanceof Error && 'headers' in error && 'expose' in error) setHeaders(ctx, error.headers)
  if (code === 'unavailable' && !ctx.res.hasHeader('Retry-After')) ctx.set('Retry-After', RETRY_AFTER)
  ctx.set('Cache-Control', 'no-store')
  ctx.vary('Accept')
}

/** Takes over the headers of an http-errors error, for instance `Allow`. */
function setHeaders(ctx: Context, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') ctx.set(name, value)
  }
}

function answerJson(ctx: Context, { code, status }: Verdict): void {
  ctx.status = status
  ctx.body = {
    error: ERRORS[code].oauth,
    error_description: ERRORS[code].words,
    reference: ctx.state.reference,
  }
}

/** Forty random bits as eight characters. */
function newReference(): string {
  let bits = BigInt(`0x${randomBytes(5).toString('hex')}`)
  let reference = ''
  for (let i = 0; i < 8; i += 1) {
    reference += ALPHABET[Number(bits & 31n)]
    bits >>= 5n
  }
  return reference
}
