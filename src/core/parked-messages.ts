/**
 * The newest publications that a client had no room for, under a topic rule that says `slowReader: drop-oldest`
 * (architecture 7): bounded in number and bytes; when it is full, the oldest goes. They are handed over when the
 * client has room again, before anything newer of that kind.
 */

import { contentBytes } from '../model/content-bytes.ts'
import type { StoredMessage } from '../model/message.ts'
import type { Sender, TopicText } from './live.ts'

export interface ParkedMessage {
  readonly topic: TopicText
  readonly sender: Sender
  readonly message: StoredMessage
}

const messagesMost = 1_000
const bytesMost = 262_144

export class ParkedMessages {
  readonly #messages: ParkedMessage[] = []
  /** Where the oldest stands; those before it are gone. */
  #first = 0
  #bytes = 0

  get size(): number {
    return this.#messages.length - this.#first
  }

  /** Adds one; returns how many older ones had to go. */
  add(parked: ParkedMessage): number {
    this.#messages.push(parked)
    this.#bytes += contentBytes(parked.message)
    let dropped = 0
    while (this.size > messagesMost || (this.#bytes > bytesMost && this.size > 1)) {
      this.#take()
      dropped += 1
    }
    return dropped
  }

  /** Hands the oldest over, one by one, as long as `deliver` has room; it answers whether it has more. */
  drain(deliver: (parked: ParkedMessage) => boolean): void {
    // Each is taken out first: whoever gets it may come back here, or be sent more.
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      if (!deliver(next)) return
    }
  }

  #take(): ParkedMessage | undefined {
    const oldest = this.#messages[this.#first]
    if (oldest === undefined) return undefined
    this.#first += 1
    this.#bytes -= contentBytes(oldest.message)
    if (this.size === 0 || this.#first > messagesMost) {
      this.#messages.splice(0, this.#first)
      this.#first = 0
    }
    return oldest
  }
}
