/**
 * What was found damaged: counted, and logged once per record however often it is met. Remembers a
 * bounded number of records; beyond that some are counted again.
 */

import type { Logger } from '../core/logger.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { LogState } from './log-state.ts'

const rememberedRecords = 100_000

export class DamageLedger {
  readonly #logger: Logger
  readonly #seen = new Set<string>()
  #records = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get records(): number {
    return this.#records
  }

  /** Messages `fromHead..toHead` cannot be read. */
  report(log: LogState, fromHead: number, toHead: number): void {
    if (!this.#isNew(`${log.number}:${fromHead}:${toHead}`)) return
    const count = this.#countNew(log, fromHead, toHead)
    if (count === 0) return
    this.#records += count
    const { topic, origin } = log
    const fields = { topic, origin: formatNodeId(origin), fromHead, toHead }
    this.#logger.error('record_damaged', fields)
  }

  /** The message can be read again. */
  repaired(log: LogState, head: number): void {
    if (this.#seen.delete(`${log.number}:${head}`)) this.#records -= 1
    this.#seen.delete(`${log.number}:${head}:${head}`)
    const { topic, origin } = log
    this.#logger.info('record_repaired', { topic, origin: formatNodeId(origin), head })
  }

  /** Something else than a message: `what` is a fixed word, `key` tells which. */
  reportOther(what: string, key: string): void {
    if (!this.#isNew(`${what}:${key}`)) return
    this.#records += 1
    this.#logger.error('record_damaged', { what, key })
  }

  /** Ranges of different reads overlap; every head counts once. */
  #countNew(log: LogState, fromHead: number, toHead: number): number {
    const heads = toHead - fromHead + 1
    if (heads > rememberedRecords) return heads
    let count = 0
    for (let head = fromHead; head <= toHead; head++) {
      if (this.#isNew(`${log.number}:${head}`)) count += 1
    }
    return count
  }

  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false
    if (this.#seen.size >= rememberedRecords) this.#seen.clear()
    this.#seen.add(key)
    return true
  }
}
