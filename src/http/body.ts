/**
 * Reads request bodies with every bound in place, before anything parses them, and hands them on to the engine.
 *
 * What is read here is read again by the engine, so both must understand the same: no byte order mark is skipped, no
 * leading `?` is dropped, no field beyond those that the engine looks at.
 */
import type { IncomingMessage } from 'node:http'
import { Failure } from '../errors.ts'
import type { Context } from './state.ts'

export interface BodyLimits {
  /** Bytes. */
  readonly limit: number
  /** Milliseconds for the whole body; 10 000 when absent. */
  readonly within?: number
}

/** The engine's parser drops fields beyond its thousandth without a word; no honest request comes near this. */
const MAX_FIELDS = 200
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the whole body.
 *
 * @throws {Failure} `bad_request` when it is too large, encoded, late, cut off, or was read before
 */
export async function readBody(ctx: Context, { limit, within = 10_000 }: BodyLimits): Promise<Buffer> {
  const { req } = ctx
  try {
    const encoding = req.headers['content-encoding']
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw refuse('it is encoded')
    if (Number(req.headers['content-length'] ?? 0) > limit) throw refuse(`it is larger than ${limit} bytes`)
    if (req.destroyed || req.readableEnded) throw refuse('it is gone')
    return await collect(req, limit, within)
  } catch (error) {
    // The rest of the body is not read, so the connection cannot carry another request.
    if (!ctx.headerSent) ctx.set('Connection', 'close')
    throw error
  }
}

function collect(req: IncomingMessage, limit: number, within: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const timer = setTimeout(() => done(refuse('it did not arrive in time')), within)

    const onData = (chunk: Buffer) => {
      received += chunk.length
      if (received > limit) return done(refuse(`it is larger than ${limit} bytes`))
      chunks.push(chunk)
    }
    const onEnd = () => done()
    const onError = (cause: Error) => done(refuse('it was cut off', { cause }))
    const onClose = () => done(refuse('it was cut off'))

    function done(failure?: Failure) {
      clearTimeout(timer)
      req.off('data', onData).off('end', onEnd).off('close', onClose)
      // The error listener stays: a socket that fails later must not bring the process down.
      if (failure === undefined) return resolve(Buffer.concat(chunks, received))
      req.pause()
      reject(failure)
    }
    req.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}

/**
 * Parses JSON (RFC 8259) nested at most `depth` levels deep. Keys named `__proto__` are left out.
 *
 * @throws {Failure} `bad_request` when it is not UTF-8, not JSON, too deep, or holds NUL or half a surrogate pair
 */
export function parseJson(body: Buffer, { depth }: { readonly depth: number }): unknown {
  const text = decode(body)
  // Counted beforehand: the parser takes any depth, and whatever walks its result later overflows the stack.
  if (nesting(text) > depth) throw refuse(`it is nested more than ${depth} levels deep`)
  try {
    return JSON.parse(text, (key, value: unknown) => {
      checkText(key)
      if (typeof value === 'string') checkText(value)
      return key === '__proto__' ? undefined : value
    })
  } catch (error) {
    // The parser's own message quotes the body, which may hold a secret.
    throw error instanceof Failure ? error : refuse('it is not JSON')
  }
}

/**
 * Parses a form (`application/x-www-form-urlencoded`); repeated fields are all kept.
 *
 * @throws {Failure} `bad_request` when it is not UTF-8, holds NUL, or has more than 200 fields
 */
export function parseForm(body: Buffer): URLSearchParams {
  // The ampersand keeps URLSearchParams from dropping a leading question mark, which the engine's parser keeps.
  const form = new URLSearchParams(`&${decode(body)}`)
  if (form.size > MAX_FIELDS) throw refuse(`it has more than ${MAX_FIELDS} fields`)
  for (const [name, value] of form) {
    checkText(name)
    checkText(value)
  }
  return form
}

/**
 * Makes a request whose body was read readable once more, with this body, for a parser that pulls it by `iterator()`
 * or `for await`. The length header is corrected to it.
 */
export function replayBody(req: IncomingMessage, body: Buffer): void {
  req.headers['content-length'] = String(body.length)
  delete req.headers['transfer-encoding']
  let pending = true
  async function* iterate() {
    if (!pending) return
    pending = false
    if (body.length > 0) yield body
  }
  Object.defineProperties(req, {
    readable: { configurable: true, get: () => pending },
    readableEncoding: { configurable: true, value: null },
    iterator: { configurable: true, value: iterate },
    [Symbol.asyncIterator]: { configurable: true, value: iterate },
  })
}

function decode(body: Buffer): string {
  try {
    return UTF8.decode(body)
  } catch {
    throw refuse('it is not UTF-8')
  }
}

function nesting(json: string): number {
  let deepest = 0
  let depth = 0
  let quoted = false
  for (let i = 0; i < json.length; i += 1) {
    const c = json[i]
    if (quoted) {
      if (c === '\\') i += 1
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') deepest = Math.max(deepest, ++depth)
    else if (c === '}' || c === ']') depth -= 1
  }
  return deepest
}

function checkText(text: string): void {
  if (text.includes('\0') || /\p{Surrogate}/u.test(text)) throw refuse('it holds text that is not Unicode')
}

function refuse(why: string, options?: ErrorOptions): Failure {
  return new Failure('bad_request', `the body is refused: ${why}`, options)
}
