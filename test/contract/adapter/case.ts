/** What a case of the contract is, and how one is run: the IdP is bent, a whole sign-in is tried, the outcome compared. */
import { expect } from 'chai'
import type { z } from 'zod'
import type { Refusal } from '../../../src/adapter.ts'
import type { ClaimSet } from '../../support/fake-idp.ts'
import { type Bench, bench, type ContractSubject, refused, signIn } from './bench.ts'

export interface Case {
  /** What documentation, reports and `-g` of mocha call it. */
  readonly name: string
  /** What is wrong, as a sentence that goes on with "is refused as ..." or "is accepted". */
  readonly words: string
  readonly outcome: Refusal | 'accepted'
  /** Makes the IdP, or whoever stands between, behave that way. */
  readonly bend: (lab: Bench) => void | Promise<void>
  /** Whether it must be noticed before the code is sent to the token endpoint. */
  readonly unspent?: boolean
  /** Part of the error's message, which tells this refusal from one for another reason. */
  readonly message?: string
}

/** The title of a case's test. */
export function titleOf({ name, words, outcome }: Omit<Case, 'bend'>): string {
  return `${name}: ${words} is ${outcome === 'accepted' ? outcome : `refused as ${outcome}`}`
}

/** Makes a test of every case, each with an IdP of its own. */
export function runCases<Options extends z.ZodType>(subject: ContractSubject<Options>, cases: readonly Case[]): void {
  for (const each of cases) {
    it(titleOf(each), async () => {
      const lab = await bench(subject)
      await each.bend(lab)
      await tried(each, subject, lab)
    })
  }
}

/** Signs in and compares what came of it with what the case says. */
export async function tried<Options extends z.ZodType>(
  each: Omit<Case, 'bend'>,
  subject: ContractSubject<Options>,
  lab: Bench,
): Promise<void> {
  if (each.outcome === 'accepted') {
    expect((await signIn(lab)).subject).to.equal(subject.subject)
    return
  }
  const { message } = await refused(signIn(lab), lab.idp, each.outcome)
  if (each.message !== undefined) expect(message).to.contain(each.message)
  if (each.unspent) expect(lab.idp.count('token')).to.equal(0)
}

/** Bends the claims of the ID token. */
export function withClaims(change: (claims: ClaimSet, lab: Bench) => ClaimSet): Case['bend'] {
  return (lab) => {
    lab.idp.faults.claims = (claims) => ({ ...claims, ...change(claims, lab) })
  }
}

/** Seconds since 1970, `offset` seconds from now. */
export function seconds(offset: number): number {
  return Math.floor(Date.now() / 1000) + offset
}
