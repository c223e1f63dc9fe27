/**
 * What was under way when the last connection of a session ended leaves again, in the order in which it left before
 * (spec/mqtt 5.5): PUBLISH with DUP, or PUBREL where PUBREC has come. No more at a time than the client takes.
 */

import type { KeptMessage } from './kept-message.ts'
import type { InFlight, Window } from './window.ts'

export interface ResendingOptions {
  readonly window: Window
  readonly receiveMaximum: number
  /** A stored message; undefined: it was deleted or trimmed. */
  readonly read: (inFlight: InFlight) => Promise<KeptMessage | undefined>
  readonly sendAgain: (message: KeptMessage, inFlight: InFlight) => void
  readonly releaseAgain: (id: number) => void
  /** Its message is not there any more; it is out of the window. */
  readonly onLost: (inFlight: InFlight) => void
  /** Everything was sent. */
  readonly onDone: () => void
  /** The store failed. */
  readonly onError: (error: unknown) => void
}

export class Resending {
  readonly #options: ResendingOptions
  readonly #queue: InFlight[]
  #isRunning = false
  #isOver = false

  constructor(options: ResendingOptions) {
    this.#options = options
    this.#queue = [...options.window.values()]
  }

  /** The connection has ended. */
  stop(): void {
    this.#isOver = true
  }

  /** There may be room: goes on, unless it does already. */
  resume(): void {
    if (this.#isRunning || this.#isOver) return
    this.#isRunning = true
    void this.#run().catch((error: unknown) => {
      if (!this.#isOver) this.#options.onError(error)
    })
  }

  async #run(): Promise<void> {
    const { onDone } = this.#options
    while (!this.#isOver && this.#hasRoom()) {
      const next = this.#queue.shift()
      if (next === undefined) {
        this.#isOver = true
        onDone()
        return
      }
      await this.#send(next)
    }
    this.#isRunning = false
  }

  async #send(next: InFlight): Promise<void> {
    const { window, read, sendAgain, releaseAgain, onLost } = this.#options
    // Acknowledged before it came again.
    if (!window.has(next)) return
    if (next.isReleased) {
      releaseAgain(next.id)
      return
    }
    const message = next.message ?? (await read(next))
    if (this.#isOver || !window.has(next)) return
    if (message !== undefined) sendAgain(message, next)
    else {
      window.delete(next.id)
      onLost(next)
    }
  }

  /** Those that were not sent yet do not count as under way. */
  #hasRoom(): boolean {
    const { window, receiveMaximum } = this.#options
    if (this.#queue.length === 0) return true
    const waiting = this.#queue.reduce((count, each) => count + (window.has(each) ? 1 : 0), 0)
    return window.size - waiting < receiveMaximum
  }
}
