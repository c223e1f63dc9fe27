/**
 * What becomes of each log of a peer, told where people look: rows, counters, log lines. Whatever protocol brought
 * it, it is told in the same words.
 */

import type { Clock } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import type { BusError } from '../model/errors.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { LogProgress } from './log-progress.ts'
import type { OfferedLog } from './peer-claims.ts'
import { shortText } from './short-text.ts'
import type { SyncCounters } from './sync-counters.ts'
import type { SyncRows } from './sync-rows.ts'

export interface LogReportsOptions {
  /** As configured; names the peer in rows and log lines. */
  readonly endpoint: string
  readonly store: Pick<LogStore, 'head'>
  readonly clock: Clock
  readonly logger: Logger
  readonly rows: SyncRows
  readonly counters: SyncCounters
}

/** Log lines about single logs per connection; rows tell about all of them. */
const linesMost = 100
/** An operator has to decide what to do about these. */
const actionable: ReadonlySet<string> = new Set(['log_fork', 'own_log_ahead'])

export class LogReports {
  readonly #options: LogReportsOptions
  readonly #progress: LogProgress
  #lines = 0

  constructor(options: LogReportsOptions, progress: LogProgress) {
    this.#options = options
    this.#progress = progress
  }

  /** Answers the head here. */
  succeeded(log: OfferedLog): number {
    const { rows, endpoint, store } = this.#options
    this.#progress.succeeded(log.key)
    const local = store.head(log) ?? 0
    rows.succeeded(endpoint, log, { local, remote: Math.max(log.head, local) })
    return local
  }

  failed(log: OfferedLog, error: BusError): void {
    const { rows, endpoint, store, counters, clock, logger } = this.#options
    const text = shortText(error.message)
    const heads = { local: store.head(log) ?? 0, remote: log.head }
    rows.failed(endpoint, log, heads, text)
    counters.logFailures += 1
    if (!this.#progress.failed(log.key, text, clock.monotonic())) return
    if (error.reason === 'log_fork') counters.forks += 1
    this.#lines += 1
    if (this.#lines > linesMost) return
    const { topic, origin } = log
    const fields = { peer: endpoint, topic, origin: formatNodeId(origin), reason: error.reason }
    const level = actionable.has(error.reason) ? 'error' : 'warn'
    logger[level]('peer_log_failed', { ...fields, message: text })
  }
}
