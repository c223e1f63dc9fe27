/**
 * The rows about peers and their logs (spec/msgbus-v1 5.5): in memory always fresh, in the store only
 * when something changed, and then at most once a second (defect L32). What a repeated success would
 * change, its time, is not worth a write; whoever lists the rows gets the fresh ones.
 */

import type { Clock, Timer } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { nextSyncState } from '../core/sync-state.ts'
import { toBusError } from '../model/errors.ts'
import type { LogKey } from '../model/message.ts'
import type { PeerSyncResult, PeerSyncState } from '../model/peer-sync-state.ts'
import { logKey } from './peer-claims.ts'

export interface SyncRowsOptions {
  readonly store: Pick<LogStore, 'recordSync' | 'syncStates'>
  readonly clock: Clock
  readonly logger: Logger
  /** Endpoints that are configured, or have a link now. */
  readonly isCurrent: (peer: string) => boolean
}

/** A log with its key (peer-claims.ts); undefined: the row about the peer as a whole. */
export type RowLog = (LogKey & { readonly key: string }) | undefined

export interface Heads {
  readonly local: number
  readonly remote: number
}

const writePauseMs = 1_000
/** Changes that wait to be written; beyond it they are written at once. */
const pendingMost = 10_000
/** How long rows of a peer that is no longer configured are shown after their last attempt. */
const strangerGraceMs = 7 * 86_400_000
/** Key of the row about a peer as a whole; no log has it. */
const whole = ''

export class SyncRows {
  readonly #options: SyncRowsOptions
  readonly #peers = new Map<string, Map<string, PeerSyncState>>()
  #pending: PeerSyncResult[] = []
  /** Places in `#pending` of successes, which the next success of the same row takes over. */
  #successes = new Map<string, number>()
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()
  #isFailing = false

  private constructor(options: SyncRowsOptions) {
    this.#options = options
  }

  /** @throws BusError when the store cannot be read */
  static async open(options: SyncRowsOptions): Promise<SyncRows> {
    const rows = new SyncRows(options)
    for (const row of await options.store.syncStates()) {
      rows.#of(row.peer).set(row.log === undefined ? whole : logKey(row.log), row)
    }
    return rows
  }

  succeeded(peer: string, log: RowLog, heads: Heads): void {
    const key = log?.key ?? whole
    const rows = this.#of(peer)
    const previous = rows.get(key)
    const row = this.#next(rows, key, { ...toResult(peer, log, heads), error: undefined })
    const isSame =
      previous !== undefined &&
      previous.lastError === '' &&
      previous.localHead === row.localHead &&
      previous.remoteHead === row.remoteHead
    if (isSame) return
    const place = this.#successes.get(nameOf(peer, key))
    const result = { ...toResult(peer, log, heads), lastAttemptAtMs: row.lastAttemptAtMs }
    if (place !== undefined) this.#pending[place] = result
    else {
      this.#successes.set(nameOf(peer, key), this.#pending.length)
      this.#add(result)
    }
  }

  failed(peer: string, log: RowLog, heads: Heads, error: string): void {
    const key = log?.key ?? whole
    const result = { ...toResult(peer, log, heads), error }
    const { lastAttemptAtMs } = this.#next(this.#of(peer), key, result)
    this.#successes.delete(nameOf(peer, key))
    this.#add({ ...result, lastAttemptAtMs })
  }

  /** The row about a peer as a whole. */
  peer(peer: string): PeerSyncState | undefined {
    return this.#peers.get(peer)?.get(whole)
  }

  /**
   * All rows as they are now. A log that is in step was attempted whenever its peer was; one of a peer
   * that cannot be reached says so (defect L37).
   */
  list(): PeerSyncState[] {
    const { isCurrent, clock } = this.#options
    const oldest = clock.now() - strangerGraceMs
    const listed: PeerSyncState[] = []
    for (const [peer, rows] of this.#peers) {
      const isConfigured = isCurrent(peer)
      const about = rows.get(whole)
      for (const [key, row] of rows) {
        if (!isConfigured && row.lastAttemptAtMs < oldest) continue
        listed.push(key === whole || !isConfigured ? row : inTheLightOf(about, row))
      }
    }
    return listed
  }

  /** Writes what waits and ends. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#flush()
    await this.#writing
  }

  #next(rows: Map<string, PeerSyncState>, key: string, result: Attempt): PeerSyncState {
    const attempt = { ...result, lastAttemptAtMs: this.#options.clock.now() }
    const row = nextSyncState(rows.get(key), attempt)
    rows.set(key, row)
    return row
  }

  #add(result: PeerSyncResult): void {
    this.#pending.push(result)
    if (this.#pending.length >= pendingMost) this.#flush()
    else this.#timer ??= this.#options.clock.after(writePauseMs, () => this.#flush())
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const results = this.#pending
    if (results.length === 0) return
    this.#pending = []
    this.#successes = new Map()
    this.#writing = this.#writing.then(() => this.#write(results))
  }

  /** Rows are for people to look at: a store that does not take them stops nothing. */
  async #write(results: readonly PeerSyncResult[]): Promise<void> {
    try {
      await this.#options.store.recordSync(results)
      this.#isFailing = false
    } catch (error) {
      const { reason, message } = toBusError(error)
      if (!this.#isFailing) this.#options.logger.warn('sync_state_not_stored', { reason, message })
      this.#isFailing = true
    }
  }

  #of(peer: string): Map<string, PeerSyncState> {
    let rows = this.#peers.get(peer)
    if (rows === undefined) {
      rows = new Map()
      this.#peers.set(peer, rows)
    }
    return rows
  }
}

type Attempt = Omit<PeerSyncResult, 'lastAttemptAtMs'>

function toResult(peer: string, log: RowLog, heads: Heads) {
  return {
    peer,
    log: log === undefined ? undefined : { topic: log.topic, origin: log.origin },
    localHead: heads.local,
    remoteHead: heads.remote,
    lastAttemptAtMs: 0,
  }
}

function inTheLightOf(about: PeerSyncState | undefined, row: PeerSyncState): PeerSyncState {
  if (about === undefined || row.lastError !== '') return row
  const { lastAttemptAtMs, lastSuccessAtMs, lastError, consecutiveFailures } = about
  if (lastError !== '') return { ...row, lastAttemptAtMs, consecutiveFailures, lastError }
  if (row.localHead < row.remoteHead || row.lastSuccessAtMs >= lastSuccessAtMs) return row
  return { ...row, lastAttemptAtMs, lastSuccessAtMs }
}

function nameOf(peer: string, key: string): string {
  return `${peer.length}:${peer}${key}`
}
