/** Statements of one connection, each compiled once. There are few: only `list` has variants. */
import type { Database, Row, Statement, Value } from './driver.ts'

export class Sql {
  readonly #db: Database
  readonly #statements = new Map<string, Statement>()

  constructor(db: Database) {
    this.#db = db
  }

  /** Answers how many rows changed. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  all(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql).all(...values)
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
