/**
 * One FIFO queue of the memory store (spec/msgbus-v1 4). An array by sequence whose settled places
 * are empty, and a map from id to sequence: the front, any message by id and reading on from a
 * sequence are all found directly. A Map in insertion order was ruled out, since looking for its
 * first entry walks over everything deleted before.
 */

import type { QueueState, ReadLimit } from '../../core/log-store.ts'
import type { QueueMessage } from '../../model/queue-message.ts'
import { MemoryPage } from './memory-page.ts'

/** Everything a queue consists of, as a backup carries it. */
export interface MemoryQueueState {
  readonly queue: string
  readonly lastSequence: number
  readonly messages: readonly QueueMessage[]
}

const maxAttempts = 2 ** 32 - 1

export class MemoryQueue {
  readonly name: string
  readonly #sequences = new Map<string, number>()
  /** Sequences `#base + 1` and on. */
  #messages: (QueueMessage | undefined)[] = []
  #base = 0
  /** Places before this one are empty. */
  #front = 0

  constructor(name: string) {
    this.name = name
  }

  get state(): QueueState {
    return { queue: this.name, depth: this.#sequences.size, lastSequence: this.lastSequence }
  }

  get lastSequence(): number {
    return this.#base + this.#messages.length
  }

  /** Adds a message whose sequence is the next. */
  add(message: QueueMessage): void {
    this.#messages.push(message)
    this.#sequences.set(message.id, message.sequence)
  }

  read(fromSequence: number, limit: ReadLimit): QueueMessage[] {
    const page = new MemoryPage<QueueMessage>(limit)
    const first = Math.max(this.#front, fromSequence - this.#base - 1)
    for (let i = first; i < this.#messages.length; i++) {
      const message = this.#messages[i]
      if (message !== undefined && !page.offer(message)) break
    }
    return page.messages
  }

  /** Answers false when the message is not there, or not in front where it has to be. */
  remove(id: string, frontOnly: boolean): boolean {
    const i = this.#placeOf(id, frontOnly)
    if (i === undefined) return false
    this.#messages[i] = undefined
    this.#sequences.delete(id)
    while (this.#front < this.#messages.length && this.#messages[this.#front] === undefined) {
      this.#front += 1
    }
    // Half of it is enough to make moving the rest cheap per message.
    if (this.#front > 1_024 && this.#front * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#front)
      this.#base += this.#front
      this.#front = 0
    }
    return true
  }

  /** As `remove`, but counts an attempt. */
  countAttempt(id: string, frontOnly: boolean): boolean {
    const i = this.#placeOf(id, frontOnly)
    if (i === undefined) return false
    const message = this.#messages[i] as QueueMessage
    const attempts = Math.min(message.attempts + 1, maxAttempts)
    this.#messages[i] = { ...message, attempts }
    return true
  }

  /** A snapshot: what happens to the queue later does not show in it. */
  save(): MemoryQueueState {
    const messages = this.read(0, { messages: Infinity })
    return { queue: this.name, lastSequence: this.lastSequence, messages }
  }

  /** Fills a new queue. */
  load(state: MemoryQueueState): void {
    this.#base = (state.messages[0]?.sequence ?? state.lastSequence + 1) - 1
    this.#messages = Array.from<undefined>({ length: state.lastSequence - this.#base })
    for (const message of state.messages) {
      this.#messages[message.sequence - this.#base - 1] = message
      this.#sequences.set(message.id, message.sequence)
    }
  }

  #placeOf(id: string, frontOnly: boolean): number | undefined {
    const sequence = this.#sequences.get(id)
    if (sequence === undefined) return undefined
    const i = sequence - this.#base - 1
    return frontOnly && i !== this.#front ? undefined : i
  }
}
