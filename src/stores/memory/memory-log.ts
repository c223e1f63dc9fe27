/**
 * One log of the memory store: an array of messages in which the position is the head id. Messages
 * are never written to once they are stored; a deleted one is replaced, so that pages handed out
 * before stay as they are.
 */

import { IntervalSet } from '../../base/interval-set.ts'
import type { LogInfo, LogPage, ReadLimit } from '../../core/log-store.ts'
import { contentBytes } from '../../model/content-bytes.ts'
import { noHeaders, type LogKey, type StoredMessage } from '../../model/message.ts'
import { stubId } from '../../model/stub-id.ts'
import { MemoryPage } from './memory-page.ts'

/** Everything a log consists of, as a backup carries it. */
export interface MemoryLogState {
  readonly key: LogKey
  readonly trimmedTo: number
  readonly trimmedAtMs: number
  /** Absent in older backups, in which everything was to be kept. */
  readonly keptTo?: number | undefined
  readonly historyTo?: number | undefined
  readonly lastSequence: number
  readonly deletedRanges: readonly (readonly [from: number, to: number])[]
  readonly messages: readonly StoredMessage[]
}

const noPayload = new Uint8Array(0)

export class MemoryLog {
  readonly key: LogKey
  readonly #keepsDeletedPayloads: boolean
  /** Also of heads that are not there yet: they will be stored deleted. */
  readonly #deletedRanges = new IntervalSet()
  /** Heads `#trimmedTo + 1` and on. */
  #messages: StoredMessage[] = []
  #trimmedTo = 0
  #trimmedAtMs = 0
  /** The last head that is not history, whatever has become of it since. */
  #keptTo = 0
  /** The last head that is. */
  #historyTo = 0
  #lastSequence = 0
  #bytes = 0

  constructor(key: LogKey, keepsDeletedPayloads: boolean) {
    this.key = { topic: key.topic, origin: { ...key.origin } }
    this.#keepsDeletedPayloads = keepsDeletedPayloads
  }

  /** Last head id; 0 while only deleted ranges are known of this log. */
  get head(): number {
    return this.#trimmedTo + this.#messages.length
  }

  get info(): LogInfo {
    return {
      topic: this.key.topic,
      origin: this.key.origin,
      head: this.head,
      trimmedTo: this.#trimmedTo,
      keptTo: this.#keptTo,
      historyTo: this.#historyTo,
      holdsKept: !this.areAllDeleted(this.#trimmedTo + 1, this.#keptTo),
      bytes: this.#bytes,
      lastSequence: this.#lastSequence,
    }
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Messages that are not trimmed. */
  get messageCount(): number {
    return this.#messages.length
  }

  /** Stores the next message, deleted if its head was deleted before. It belongs to the log now. */
  add(message: StoredMessage, isHistory: boolean): StoredMessage {
    if (isHistory) this.#historyTo = message.headId
    else this.#keptTo = message.headId
    // One source of truth: what arrives deleted is a deleted range of one head.
    if (message.deleted) this.#deletedRanges.add(message.headId, message.headId)
    const stored = this.#deletedRanges.has(message.headId) ? this.#erased(message) : message
    if (!stored.deleted) this.#bytes += contentBytes(stored)
    this.#messages.push(stored)
    this.#lastSequence = stored.sequence
    return stored
  }

  /** The message at a head that exists; a stub if it was trimmed. */
  at(head: number): StoredMessage {
    const message = this.#messages[head - this.#trimmedTo - 1]
    if (message !== undefined) return message
    return {
      topic: this.key.topic,
      origin: this.key.origin,
      id: stubId(this.key, head),
      headId: head,
      sequence: 0,
      payload: noPayload,
      headers: noHeaders,
      createdAtMs: this.#trimmedAtMs,
      deleted: true,
    }
  }

  /** True when every head of `from..to` was deleted before; being trimmed does not count. */
  areAllDeleted(from: number, to: number): boolean {
    return from > to || this.#deletedRanges.countIn(from, to) === to - from + 1
  }

  /** Deletes what is there and remembers the range; answers how many messages changed. */
  deleteRange(from: number, to: number): number {
    this.#deletedRanges.add(from, to)
    const last = Math.min(to, this.head)
    let changed = 0
    for (let head = Math.max(from, this.#trimmedTo + 1); head <= last; head++) {
      const message = this.at(head)
      if (message.deleted) continue
      this.#bytes -= contentBytes(message)
      this.#messages[head - this.#trimmedTo - 1] = this.#erased(message)
      changed += 1
    }
    return changed
  }

  trim(toHead: number, nowMs: number): void {
    const count = Math.min(toHead, this.head) - this.#trimmedTo
    if (count <= 0) return
    for (const message of this.#messages.slice(0, count)) {
      if (!message.deleted) this.#bytes -= contentBytes(message)
    }
    this.#messages = this.#messages.slice(count)
    this.#trimmedTo += count
    this.#trimmedAtMs = nowMs
  }

  read(fromHead: number, limit: ReadLimit): LogPage {
    const page = new MemoryPage<StoredMessage>(limit)
    let head = fromHead
    while (head <= this.head && page.offer(this.at(head))) head += 1
    return { messages: page.messages, nextHead: head, damaged: [] }
  }

  /** The first message after a position of the feed; sequences of a log ascend with its heads. */
  firstAfter(sequence: number): StoredMessage | undefined {
    let low = 0
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#messages[middle] as StoredMessage).sequence <= sequence) low = middle + 1
      else high = middle
    }
    return this.#messages[low]
  }

  /** A snapshot: what happens to the log later does not show in it. */
  save(): MemoryLogState {
    return {
      key: this.key,
      trimmedTo: this.#trimmedTo,
      trimmedAtMs: this.#trimmedAtMs,
      keptTo: this.#keptTo,
      historyTo: this.#historyTo,
      lastSequence: this.#lastSequence,
      deletedRanges: [...this.#deletedRanges.entries()],
      messages: this.#messages.slice(),
    }
  }

  /** Fills a new log. */
  load(state: MemoryLogState): void {
    for (const [from, to] of state.deletedRanges) this.#deletedRanges.add(from, to)
    this.#trimmedTo = state.trimmedTo
    this.#trimmedAtMs = state.trimmedAtMs
    for (const message of state.messages) this.add(message, true)
    this.#keptTo = state.keptTo ?? this.head
    this.#historyTo = state.historyTo ?? 0
    this.#lastSequence = state.lastSequence
  }

  #erased(message: StoredMessage): StoredMessage {
    if (this.#keepsDeletedPayloads) return { ...message, deleted: true }
    return { ...message, payload: noPayload, headers: noHeaders, deleted: true }
  }
}
