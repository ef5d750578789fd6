/** One mistake in the configuration: where it is, what stands there, and what to write instead. */
export interface Problem {
  /** The place in the configuration, for instance `idps[0].clientId`. */
  readonly path: string
  /** What was found there; absent for secrets and for what is missing. */
  readonly value?: string
  readonly remedy: string
}
