/**
 * Leaves out a suite whose tool this machine lacks, and says loudly what does not run and how to change that.
 *
 * @throws {Error} instead, when the environment variable `CONSULATE_TEST_ALL` is set: there nothing may be left out.
 */
export function leaveOut(suite: Mocha.Context, why: string, remedy: string): never {
  const title = suite.test?.parent?.fullTitle()
  if (process.env.CONSULATE_TEST_ALL) throw new Error(`"${title}" cannot run, ${why}. ${remedy}`)
  console.error(`\n  !! NOT RUN, ${why}: "${title}". ${remedy}\n`)
  return suite.skip()
}
