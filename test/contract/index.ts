/**
 * The published contract suites, public as `consulate/testing`: what an engine or an IdP adapter proves itself with.
 * They are mocha suites and need mocha and chai beside this package.
 */
export * from './adapter.contract.ts'
export * from './store.contract.ts'
