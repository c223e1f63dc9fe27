/**
 * What the journal keeps in memory about one log: a few numbers, its deleted ranges, and the runs
 * that are not in the index yet. Nothing here grows with the number of messages.
 *
 * A run is a stretch of consecutive heads of the log within one block. Runs are told by the key of
 * their block and their first head; a run ends where the next one begins.
 */

import { IntervalSet } from '../base/interval-set.ts'
import type { LogInfo } from '../core/log-store.ts'
import type { LogKey } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import { RowReader, RowWriter } from './row-codec.ts'

export class LogState implements LogKey {
  readonly number: number
  readonly topic: string
  readonly origin: NodeId
  /** Last visible head; 0 while only deleted ranges are known of this log. */
  head = 0
  lastSequence = 0
  trimmedTo = 0
  trimmedAtMs = 0
  /** This and the next two as in `LogInfo`. */
  keptTo = 0
  historyTo = 0
  bytes = 0
  /** Also of heads that are not there yet: they will be stored deleted. */
  deleted = new IntervalSet()
  /** Runs since the last one in the index, oldest first: parallel arrays. */
  tailKeys: number[] = []
  tailHeads: number[] = []
  /** Blocks with heads up to this one have been looked at since they were trimmed. */
  sweptTo = 0
  /** There is a row about this log. */
  isStored = false
  /** That row accounts for everything up to this sequence. */
  storedTo = 0

  constructor(number: number, log: LogKey) {
    this.number = number
    this.topic = log.topic
    const { tenantId, blName, deviceId } = log.origin
    this.origin = { tenantId, blName, deviceId }
  }

  get info(): LogInfo {
    const { topic, origin, head, trimmedTo, keptTo, historyTo, bytes, lastSequence } = this
    const holdsKept = this.#holdsKept()
    return { topic, origin, head, trimmedTo, keptTo, historyTo, holdsKept, bytes, lastSequence }
  }

  /** Trimmed or deleted: its content is not shown. */
  isDead(head: number): boolean {
    return head <= this.trimmedTo || this.deleted.has(head)
  }

  /** Takes the oldest `count` runs out of the tail: they are in the index now, or trimmed. */
  cutTail(count: number): void {
    this.tailKeys = this.tailKeys.slice(count)
    this.tailHeads = this.tailHeads.slice(count)
  }

  addRun(blockKey: number, firstHead: number): void {
    this.tailKeys.push(blockKey)
    this.tailHeads.push(firstHead)
  }

  /** Something up to `keptTo` is neither trimmed nor deleted. */
  #holdsKept(): boolean {
    const { keptTo, trimmedTo, deleted } = this
    if (keptTo <= trimmedTo) return false
    // Mostly the first question answers; the second one goes through the ranges.
    return !deleted.has(keptTo) || deleted.countIn(trimmedTo + 1, keptTo) < keptTo - trimmedTo
  }
}

const logVersion = 1

/** What is stored about a log beside its name. */
export type LogCounters = Pick<
  LogState,
  | 'head'
  | 'lastSequence'
  | 'trimmedTo'
  | 'trimmedAtMs'
  | 'sweptTo'
  | 'bytes'
  | 'keptTo'
  | 'historyTo'
>

export function encodeLog(log: LogKey, counters: LogCounters, storedTo: number): Uint8Array {
  const { tenantId, blName, deviceId } = log.origin
  return new RowWriter(logVersion, 64 + log.topic.length)
    .text(log.topic)
    .text(tenantId)
    .text(blName)
    .text(deviceId)
    .number(counters.head)
    .number(counters.lastSequence)
    .number(counters.trimmedTo)
    .number(counters.trimmedAtMs)
    .number(counters.sweptTo)
    .number(counters.bytes)
    .number(storedTo)
    .number(counters.keptTo)
    .number(counters.historyTo)
    .finish()
}

export function decodeLog(
  value: Uint8Array,
): (LogKey & LogCounters & Pick<LogState, 'storedTo'>) | undefined {
  const row = RowReader.open(value, logVersion)
  if (row === undefined) return undefined
  const topic = row.text()
  const origin = { tenantId: row.text(), blName: row.text(), deviceId: row.text() }
  const head = row.number()
  return {
    topic,
    origin,
    head,
    lastSequence: row.number(),
    trimmedTo: row.number(),
    trimmedAtMs: row.number(),
    sweptTo: row.number(),
    bytes: row.number(),
    storedTo: row.number(),
    // Rows of versions that knew no history end here: everything was to be kept.
    keptTo: row.isAtEnd ? head : row.number(),
    historyTo: row.isAtEnd ? 0 : row.number(),
  }
}
