/**
 * The secrets of a store: which of the configured ones it is sealed with, and how it passes from one to the next.
 *
 * One record, the canary, is sealed with the secret that everybody writes with. So the processes on a store agree on it
 * whatever each has first in its configuration, and change over together when `keys rotate-secret` seals the canary
 * anew. Ids are hashed under a pepper that the canary holds: it comes from the first secret of the store and stays, or a
 * record would have two names while secrets change (docs/decisions/0007).
 */

import { deriveKey } from '../keys/derive.ts'
import { type StoreEngine, StoreUnavailable } from '../store.ts'
import { type Cipher, createCipher, createHash, type Hash, keyIdOf, SealBroken } from './cipher.ts'

export interface Secrets {
  /** What new data is to be sealed with. */
  readonly secret: string
  /** Those whose data can still be read. */
  readonly previousSecrets?: readonly string[]
}

export const CANARY = { kind: 'Canary', id: 'secret' } as const
const CONTEXT = [CANARY.kind, CANARY.id]
/** What the canaries of the first stores held instead of {@link Contents}. */
const PLAIN = 'consulate'

interface Contents {
  /** base64url */
  readonly pepper: string
  /** Ids of keys that some records may still be sealed with. */
  readonly pending?: readonly string[]
}

/** Milliseconds between two looks whether the secret was rotated. */
export const NOTICE_MS = 5000
/** Milliseconds after its last look that a process still writes without another one. */
export const STALE_MS = 8000

/** `current`: it writes with the secret in use. `unknown`: the secret was rotated to one that it does not have.
 * `missing`: the canary is gone, and with it what a process needs to start. */
export type Notice = 'current' | 'unknown' | 'missing'

export class Ring {
  readonly hash: Hash
  readonly #engine: StoreEngine
  readonly #secrets: readonly string[]
  readonly #ciphers: ReadonlyMap<string, Cipher>
  #canary: string
  #contents: Contents
  #writer: Cipher
  readonly #stale: number
  #noticed = performance.now()
  #noticing: Promise<Notice> | undefined
  #ordered: readonly string[] = []

  private constructor(engine: StoreEngine, secrets: readonly string[], canary: string, stale: number) {
    this.#engine = engine
    this.#stale = stale
    this.#secrets = secrets
    this.#ciphers = new Map(secrets.map((secret) => createCipher(secret)).map((cipher) => [cipher.keyId, cipher]))
    this.#canary = canary
    this.#contents = this.#read(canary)
    this.#writer = this.#cipherOf(canary) as Cipher
    this.#order()
    if (this.#contents.pending?.some((keyId) => !this.#ciphers.has(keyId))) throw new Error(UNFINISHED)
    this.hash = createHash(Buffer.from(this.#contents.pepper, 'base64url'))
  }

  /**
   * Reads the canary of a store before anything else is read; the first use of an empty store makes it.
   * @throws {Error} one sentence for the operator when the data was sealed with a secret that is not configured, or when
   * its canary is gone: a new one would have another pepper, and nothing would be found under it
   * @throws {StoreUnavailable}
   * @param stale milliseconds; for tests
   */
  static async open(engine: StoreEngine, { secret, previousSecrets = [] }: Secrets, stale = STALE_MS): Promise<Ring> {
    const find = () => engine.get(CANARY.kind, CANARY.id)
    const empty = async () => (await engine.scan({ limit: 1 })).rows.length === 0
    if (!(await find()) && (await empty())) {
      const contents: Contents = { pepper: deriveKey(secret, 'store/hash').toString('base64url') }
      const payload = createCipher(secret).seal(CONTEXT, JSON.stringify(contents))
      await engine.put({ ...CANARY, payload }, 'insert')
    }
    const canary = await find()
    if (!canary) throw new Error(NO_CANARY)
    try {
      return new Ring(engine, [secret, ...previousSecrets], canary.payload, stale)
    } catch (error) {
      throw error instanceof SealBroken ? new Error(OTHER_SECRET, { cause: error }) : error
    }
  }

  /** The configured secrets, the one in use first. Others may still be needed to recognise what they have signed. */
  get secrets(): readonly string[] {
    return this.#ordered
  }

  get writer(): Cipher {
    return this.#writer
  }

  /** Whether the secret that sealed this text is configured here; true also of what is not sealed at all. */
  knows(sealed: string): boolean {
    return keyIdOf(sealed) === undefined || this.#cipherOf(sealed) !== undefined
  }

  /** @throws {SealBroken} */
  open(context: readonly string[], sealed: string): string {
    const cipher = this.#cipherOf(sealed)
    if (!cipher) throw new SealBroken('The text was sealed with another secret, or is not sealed.')
    return cipher.open(context, sealed)
  }

  /** Looks whether the secret was rotated. @throws {StoreUnavailable} */
  notice(): Promise<Notice> {
    this.#noticing ??= this.#look().finally(() => {
      this.#noticing = undefined
    })
    return this.#noticing
  }

  /**
   * Runs a write, at once or after another look. What is sealed with a secret that a rotation has left behind would be
   * lost with it, so a process that could not look for a while looks first.
   * @throws {StoreUnavailable} also when the secret in use is not configured here
   */
  writing<T>(write: () => Promise<T>): Promise<T> {
    if (performance.now() - this.#noticed < this.#stale) return write()
    return this.notice().then((found) => {
      if (found === 'unknown') throw new StoreUnavailable(ROTATED)
      return write()
    })
  }

  async #look(): Promise<Notice> {
    const began = performance.now()
    const canary = await this.#engine.get(CANARY.kind, CANARY.id)
    const writer = canary && this.#cipherOf(canary.payload)
    if (writer) this.#adopt(canary.payload, writer)
    // From before the question: an answer may be late, and tells of then.
    this.#noticed = canary && !writer ? -Infinity : began
    return writer ? 'current' : canary ? 'unknown' : 'missing'
  }

  /** Makes the configured secret the one in use. Answers whether data of another one may be left.
   * @throws {Error} when the canary changed meanwhile @throws {StoreUnavailable} */
  async rotate(): Promise<boolean> {
    const [secret = ''] = this.#secrets
    const next = createCipher(secret)
    if (next.keyId !== this.#writer.keyId) {
      const pending = [...new Set([...(this.#contents.pending ?? []), this.#writer.keyId])]
      await this.#replace(next, { ...this.#contents, pending: pending.filter((keyId) => keyId !== next.keyId) })
    }
    return this.#contents.pending !== undefined || this.#secrets.length > 1
  }

  /** Notes that everything is sealed with the secret in use. */
  async finish(): Promise<void> {
    await this.#replace(this.#writer, { pepper: this.#contents.pepper })
  }

  async #replace(cipher: Cipher, contents: Contents): Promise<void> {
    const canary = cipher.seal(CONTEXT, JSON.stringify(contents))
    if (!(await this.#engine.swap(CANARY.kind, CANARY.id, this.#canary, canary))) {
      throw new Error('Another process rotates the secret of this store at the same time; run the command once more.')
    }
    this.#adopt(canary, cipher)
  }

  #adopt(canary: string, writer: Cipher): void {
    this.#contents = this.#read(canary)
    this.#canary = canary
    this.#writer = writer
    this.#order()
  }

  #order(): void {
    const keyIds = [...this.#ciphers.keys()]
    const inUse = (_: string, index: number) => keyIds[index] === this.#writer.keyId
    this.#ordered = [...this.#secrets.filter(inUse), ...this.#secrets.filter((_, index) => !inUse(_, index))]
  }

  #cipherOf(sealed: string): Cipher | undefined {
    return this.#ciphers.get(keyIdOf(sealed) ?? '')
  }

  #read(canary: string): Contents {
    const plain = this.open(CONTEXT, canary)
    if (plain !== PLAIN) return JSON.parse(plain) as Contents
    const secret = this.#secrets.find((each) => createCipher(each).keyId === keyIdOf(canary)) ?? ''
    return { pepper: deriveKey(secret, 'store/hash').toString('base64url') }
  }
}

const NO_CANARY =
  'The store has data, but not the record that says which secret it is sealed with (kind "Canary"): nothing in it can be found without. Restore a backup that has it, or name an empty store.'

const ROTATED = 'The secret was rotated to one that is not configured here; set `secret` as elsewhere and restart.'

const UNFINISHED =
  'previousSecrets: some data is still sealed with an earlier secret; put that one back here and run "consulate keys rotate-secret" to its end.'

const OTHER_SECRET =
  'secret: the data in the store was sealed with another secret; set that one again, name it in previousSecrets to rotate, or name an empty store.'
