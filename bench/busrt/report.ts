/** Where the parts of this benchmark put what they found: tables for people, or one JSON document. */

import process from 'node:process'

import { type Column, formatTable } from '../../src/cli/table.ts'
import { heading } from '../figures.ts'

export class Report {
  readonly #asJson: boolean
  readonly #sections: Record<string, unknown> = {}
  #oursFailed = false

  constructor(asJson: boolean) {
    this.#asJson = asJson
  }

  /** A sentence. */
  say(text: string): void {
    if (!this.#asJson) process.stdout.write(`${text}\n`)
  }

  table<Row>(title: string, columns: readonly Column<Row>[], rows: readonly Row[]): void {
    if (this.#asJson) return
    heading(title)
    process.stdout.write(formatTable(columns, rows))
  }

  /** Raw results under this name in the document. */
  add(name: string, results: unknown): void {
    this.#sections[name] = results
  }

  /** Something that our own broker did not do; the program will end with 1. */
  noteFailure(): void {
    this.#oursFailed = true
  }

  end(): void {
    if (this.#asJson) process.stdout.write(`${JSON.stringify(this.#sections)}\n`)
    if (this.#oursFailed) process.exitCode = 1
  }
}
