/** Fills one page of a read up to its limit; the same rule for logs, the feed and queues. */

import type { ReadLimit } from '../../core/log-store.ts'
import { contentBytes } from '../../model/content-bytes.ts'
import type { Headers } from '../../model/message.ts'

interface Content {
  readonly payload: Uint8Array
  readonly headers: Headers
}

export class MemoryPage<Message extends Content> {
  readonly messages: Message[] = []
  readonly #limit: ReadLimit
  #bytes = 0

  constructor(limit: ReadLimit) {
    this.#limit = limit
  }

  /** Takes the message unless the page is full; the first one always has room. */
  offer(message: Message): boolean {
    const bytes = this.#bytes + contentBytes(message)
    if (this.messages.length > 0) {
      if (this.messages.length >= this.#limit.messages) return false
      if (bytes > (this.#limit.bytes ?? Infinity)) return false
    }
    this.messages.push(message)
    this.#bytes = bytes
    return true
  }
}
