/**
 * The newest publications that a client had no room for, under a topic rule that says `slowReader: drop-oldest`
 * (architecture 7): bounded in number and bytes; when it is full, the oldest goes. They are handed over when the
 * client has room again, before anything newer of that kind.
 */

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
  #messages: ParkedMessage[] = []
  #bytes = 0

  get size(): number {
    return this.#messages.length
  }

  /** Adds one; returns how many older ones had to go. */
  add(parked: ParkedMessage): number {
    this.#messages.push(parked)
    this.#bytes += parked.message.payload.length
    let dropped = 0
    while (
      this.#messages.length - dropped > messagesMost ||
      (this.#bytes > bytesMost && this.#messages.length - dropped > 1)
    ) {
      this.#bytes -= this.#messages[dropped]?.message.payload.length ?? 0
      dropped += 1
    }
    if (dropped > 0) this.#messages.splice(0, dropped)
    return dropped
  }

  /** Hands the oldest over, one by one, as long as `deliver` has room; it answers whether it has more. */
  drain(deliver: (parked: ParkedMessage) => boolean): void {
    let taken = 0
    let hasRoom = true
    while (hasRoom) {
      const next = this.#messages[taken]
      if (next === undefined) break
      taken += 1
      this.#bytes -= next.message.payload.length
      hasRoom = deliver(next)
    }
    this.#messages.splice(0, taken)
  }
}
