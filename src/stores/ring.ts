/**
 * The secrets of a store: which of the configured ones it is sealed with, and how it passes from one to the next.
 *
 * One record, the canary, is sealed with the secret that everybody writes with. So the processes on a store agree on it
 * whatever each has first in its configuration, and change over together when `keys rotate-secret` seals the canary
 * anew. Ids are hashed under a pepper that the canary holds: it comes from the first secret of the store and stays, or a
 * record would have two names while secrets change (docs/decisions/0007).
 */

import { deriveKey } from '../keys/derive.ts'
import type { StoreEngine } from '../store.ts'
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

/** Milliseconds within which every process notices that the secret was rotated. */
export const NOTICE_MS = 5000

export class Ring {
  readonly hash: Hash
  readonly #engine: StoreEngine
  readonly #secrets: readonly string[]
  readonly #ciphers: ReadonlyMap<string, Cipher>
  #canary: string
  #contents: Contents
  #writer: Cipher

  private constructor(engine: StoreEngine, secrets: readonly string[], canary: string) {
    this.#engine = engine
    this.#secrets = secrets
    this.#ciphers = new Map(secrets.map((secret) => [createCipher(secret).keyId, createCipher(secret)]))
    this.#canary = canary
    this.#contents = this.#read(canary)
    this.#writer = this.#cipherOf(canary) as Cipher
    if (this.#contents.pending?.some((keyId) => !this.#ciphers.has(keyId))) throw new Error(UNFINISHED)
    this.hash = createHash(Buffer.from(this.#contents.pepper, 'base64url'))
  }

  /**
   * Reads the canary of a store before anything else is read; the first use of a store makes it.
   * @throws {Error} one sentence for the operator when the data was sealed with a secret that is not configured
   * @throws {StoreUnavailable}
   */
  static async open(engine: StoreEngine, { secret, previousSecrets = [] }: Secrets): Promise<Ring> {
    const contents: Contents = { pepper: deriveKey(secret, 'store/hash').toString('base64url') }
    const payload = createCipher(secret).seal(CONTEXT, JSON.stringify(contents))
    await engine.put({ ...CANARY, payload }, 'insert')
    const canary = await engine.get(CANARY.kind, CANARY.id)
    try {
      return new Ring(engine, [secret, ...previousSecrets], canary?.payload ?? '')
    } catch (error) {
      throw error instanceof SealBroken ? new Error(OTHER_SECRET, { cause: error }) : error
    }
  }

  /** The configured secrets, the one in use first. Others may still be needed to recognise what they have signed. */
  get secrets(): readonly string[] {
    const inUse = (secret: string) => createCipher(secret).keyId === this.#writer.keyId
    return [...this.#secrets.filter(inUse), ...this.#secrets.filter((secret) => !inUse(secret))]
  }

  get writer(): Cipher {
    return this.#writer
  }

  /** @throws {SealBroken} */
  open(context: readonly string[], sealed: string): string {
    const cipher = this.#cipherOf(sealed)
    if (!cipher) throw new SealBroken('The text was sealed with another secret, or is not sealed.')
    return cipher.open(context, sealed)
  }

  /** Looks whether the secret was rotated. Answers false when it was, to one that this process does not have: it needs
   * the configuration of the others. @throws {StoreUnavailable} */
  async notice(): Promise<boolean> {
    const canary = (await this.#engine.get(CANARY.kind, CANARY.id))?.payload ?? ''
    const writer = this.#cipherOf(canary)
    if (!writer) return false
    this.#adopt(canary, writer)
    return true
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
    return this.#contents.pending !== undefined
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

const UNFINISHED =
  'previousSecrets: some data is still sealed with an earlier secret; put that one back here and run "consulate keys rotate-secret" to its end.'

const OTHER_SECRET =
  'secret: the data in the store was sealed with another secret; set that one again, name it in previousSecrets to rotate, or name an empty store.'
