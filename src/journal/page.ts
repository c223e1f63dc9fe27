/** Fills one page of a read up to its limit, and collects what was found damaged on the way. */

import type { DamagedRange, ReadLimit } from '../core/log-store.ts'
import type { LogKey, StoredMessage } from '../model/message.ts'

export class Page {
  readonly messages: StoredMessage[] = []
  readonly damaged: DamagedRange[] = []
  readonly #limit: ReadLimit
  readonly #maxBytes: number
  #bytes = 0
  #isFull = false

  constructor(limit: ReadLimit) {
    this.#limit = limit
    this.#maxBytes = limit.bytes ?? Infinity
  }

  /** How many more messages have room at most; the first one always has. */
  get room(): number {
    if (this.messages.length === 0) return Math.max(1, this.#limit.messages)
    return this.#isFull ? 0 : Math.max(0, this.#limit.messages - this.messages.length)
  }

  /** Once it answers false the page is full, and stays so. */
  hasRoomFor(contentBytes: number): boolean {
    if (this.messages.length === 0) return true
    const isOver = this.#bytes + contentBytes > this.#maxBytes
    this.#isFull ||= isOver || this.messages.length >= this.#limit.messages
    return !this.#isFull
  }

  add(message: StoredMessage, contentBytes: number): void {
    this.messages.push(message)
    this.#bytes += contentBytes
  }

  /** Heads `fromHead..toHead` of the log cannot be read. */
  addDamaged(log: LogKey, fromHead: number, toHead: number): void {
    const last = this.damaged[this.damaged.length - 1]
    const isNext =
      last !== undefined &&
      last.topic === log.topic &&
      last.origin === log.origin &&
      last.toHead === fromHead - 1
    if (isNext) this.damaged.pop()
    const { topic, origin } = log
    this.damaged.push({ topic, origin, fromHead: isNext ? last.fromHead : fromHead, toHead })
  }
}
