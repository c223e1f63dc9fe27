/**
 * Retained messages on their way to new subscriptions of one connection (spec/mqtt 8): found as they are sent, as there
 * is room, some per turn, so that a hundred thousand of them neither fill a queue nor hold others up.
 */

import type { RetainedMessage } from '../../core/retained-messages.ts'
import type { Subscription } from './subscriptions.ts'

export interface RetainedSendingOptions {
  readonly hasRoom: () => boolean
  readonly send: (message: RetainedMessage, subscription: Subscription) => void
}

interface Batch {
  readonly messages: Iterator<RetainedMessage>
  readonly subscription: Subscription
}

const perTurn = 100

export class RetainedSending {
  readonly #options: RetainedSendingOptions
  readonly #batches: Batch[] = []
  #isScheduled = false
  #isOver = false

  constructor(options: RetainedSendingOptions) {
    this.#options = options
  }

  /** The connection has ended. */
  stop(): void {
    this.#isOver = true
    this.#batches.length = 0
  }

  add(messages: Iterable<RetainedMessage>, subscription: Subscription): void {
    this.#batches.push({ messages: messages[Symbol.iterator](), subscription })
    this.resume()
  }

  /** A subscription that is not there any more gets no more of them. */
  cancel(filter: string): void {
    const others = this.#batches.filter(({ subscription }) => subscription.filter !== filter)
    this.#batches.splice(0, this.#batches.length, ...others)
  }

  /** There may be room. */
  resume(): void {
    if (this.#isScheduled) return
    for (let sent = 0; this.#batches.length > 0 && this.#options.hasRoom(); sent++) {
      if (sent === perTurn) {
        this.#isScheduled = true
        setImmediate(() => {
          this.#isScheduled = false
          if (!this.#isOver) this.resume()
        })
        return
      }
      this.#sendNext()
    }
  }

  #sendNext(): void {
    const [first] = this.#batches
    const next = first?.messages.next()
    if (first === undefined || next === undefined || next.done === true) this.#batches.shift()
    else this.#options.send(next.value, first.subscription)
  }
}
