/**
 * Gives a client that had no room the stored publications it missed, from the store, until it is up to
 * date and takes part in live routing again. It holds a position, not a queue (architecture 7); the seam
 * is without gap or repeat because a store makes messages visible and reports them in one turn.
 */

import { toBusError } from '../model/errors.ts'
import type { LogKey, StoredMessage } from '../model/message.ts'
import type { LogStore } from './log-store.ts'

export interface CatchUpOptions {
  readonly store: LogStore
  /** The client missed what has a greater sequence. */
  readonly after: number
  readonly wants: (log: LogKey) => boolean
  readonly deliver: (message: StoredMessage) => void
  /** Has the client no room (any more)? */
  readonly isFull: () => boolean
  /** The client is up to date. */
  readonly onDone: () => void
  /** Reading failed; what was missed is lost to the client. */
  readonly onError: (error: Error) => void
}

const page = { messages: 500, bytes: 262_144 }

export class CatchUp {
  readonly #options: CatchUpOptions
  #after: number
  #isReading = false
  #isStopped = false

  constructor(options: CatchUpOptions) {
    this.#options = options
    this.#after = options.after
  }

  /** The client was offered everything up to this place. */
  get after(): number {
    return this.#after
  }

  /** There is room: reads on, unless it does already. */
  resume(): void {
    if (this.#isReading || this.#isStopped) return
    this.#isReading = true
    void this.#read()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Whether the client has missed a stored message and not got it yet. */
  needs(message: StoredMessage): boolean {
    return !this.#isStopped && message.sequence > this.#after && this.#options.wants(message)
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { store, wants, isFull, onDone, onError } = this.#options
    try {
      while (!this.#isStopped && !isFull()) {
        // In the same turn as the look: what is committed later is routed live.
        if (store.lastSequence <= this.#after) {
          this.#isStopped = true
          onDone()
          break
        }
        const { messages, nextAfter } = await store.readFeed(this.#after, wants, page)
        if (!this.#deliver(messages)) continue
        this.#after = Math.max(this.#after, nextAfter)
      }
    } catch (error) {
      this.#isStopped = true
      onError(toBusError(error))
    } finally {
      this.#isReading = false
    }
  }

  /** False when the client became full, or went, before the end. */
  #deliver(messages: readonly StoredMessage[]): boolean {
    for (const message of messages) {
      if (this.#isStopped || this.#options.isFull()) return false
      if (!message.deleted) this.#options.deliver(message)
      this.#after = message.sequence
    }
    return true
  }
}
