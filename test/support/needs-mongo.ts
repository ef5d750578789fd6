/** For suites and tests that need a MongoDB: without one they are left out, and one line at the end names them all. */
import { REMEDY } from './mongo.ts'

const leftOut: string[] = []

/** @throws {Error} instead, when the environment variable `CONSULATE_TEST_ALL` is set: there nothing may be left out. */
export function leaveOutMongo(context: Mocha.Context): never {
  const { test } = context
  // Of a hook, whose own title says what kind it is, the suite is meant.
  const title = (test?.title.startsWith('"') ? test.parent : test)?.fullTitle() ?? ''
  if (process.env.CONSULATE_TEST_ALL) throw new Error(`"${title}" cannot run, there is no MongoDB. ${REMEDY}`)
  leftOut.push(title)
  return context.skip()
}

after(() => {
  if (leftOut.length > 0) console.error(`\n  !! NOT RUN, there is no MongoDB: ${leftOut.join('; ')}. ${REMEDY}\n`)
})
