/**
 * One subscription to stored messages. It is in one of four states:
 *
 *   reading  reads pages from the store at its cursor
 *   live     its cursor is at the end; commits are handed to it as they become visible
 *   waiting  its reader has enough; the cursor stays where it is until `resume()`
 *   closed
 *
 * The seam between reading and live has no gap because a store makes messages visible and reports
 * them in one turn: when the cursor is current, every later message comes as a commit.
 */

import { BusError, toBusError } from '../model/errors.ts'
import type { StoredMessage } from '../model/message.ts'
import type { Subject } from './access.ts'
import type { Delivery, Subscription, SubscriptionSink } from './bus-client.ts'
import type { BusCounters } from './counters.ts'
import type { Cursor, CursorPage } from './cursor.ts'
import type { ReadLimit } from './log-store.ts'

export interface LogSubscriptionOptions {
  /** The filter, or the topic of its log. */
  readonly text: string
  /** Whether it is about a topic. */
  readonly matches: (topic: string) => boolean
  /** Whose it is: asked about each topic. */
  readonly subject: Subject
  /** What it is for, when the rules change: whether it may go on. */
  readonly refusal: () => BusError | undefined
  readonly cursor: Cursor
  readonly sink: SubscriptionSink
  readonly page: ReadLimit
  /** Hand over publications that are not stored, too. */
  readonly live: boolean
  readonly counters: BusCounters
  /** Called once, when the subscription has ended for whatever reason. */
  readonly onClose: () => void
}

type State = 'reading' | 'live' | 'waiting' | 'closed'

const nothing: CursorPage = { messages: [], damaged: [] }

export class LogSubscription implements Subscription {
  /** Tells it from a client among the receivers of a topic. */
  readonly isClient = false
  /** Wants publications that are not stored, too. */
  readonly takesLive: boolean
  readonly subject: Subject
  readonly text: string
  readonly matches: (topic: string) => boolean
  readonly #refusal: () => BusError | undefined
  readonly #cursor: Cursor
  readonly #sink: SubscriptionSink
  readonly #page: ReadLimit
  readonly #counters: BusCounters
  readonly #onClose: () => void
  #batch: StoredMessage[] = []
  #state: State = 'reading'

  constructor(options: LogSubscriptionOptions) {
    this.#cursor = options.cursor
    this.subject = options.subject
    this.text = options.text
    this.matches = options.matches
    this.#refusal = options.refusal
    this.#sink = options.sink
    this.#page = options.page
    this.takesLive = options.live
    this.#counters = options.counters
    this.#onClose = options.onClose
    // The first delivery never comes before the caller holds the subscription.
    queueMicrotask(() => this.#start())
  }

  /**
   * Takes a message that was just committed, or one that is not stored. Answers whether `flush` must
   * be called at the end of the commit.
   */
  offer(message: StoredMessage): boolean {
    if (message.headId === 0) {
      if (!this.takesLive) return false
      if (this.#state !== 'live') {
        this.#counters.messagesDropped += 1
        return false
      }
    } else if (this.#state !== 'live' || !this.#cursor.accepts(message)) return false
    this.#batch.push(message)
    return this.#batch.length === 1
  }

  /** It has stored messages to read, or may have. */
  get isBehind(): boolean {
    return this.#state === 'reading' || this.#state === 'waiting'
  }

  /** Whether it still has to read a stored message. */
  needs(message: StoredMessage): boolean {
    return this.isBehind && this.#cursor.needs(message)
  }

  /** Hands over what was offered since the last flush. */
  flush(): void {
    if (this.#state !== 'live' || this.#batch.length === 0) return
    const messages = this.#batch
    // What its reader itself publishes meanwhile is another delivery.
    this.#batch = []
    const hasRoom = this.#deliver({ messages, damaged: [] }, true)
    if (!hasRoom) this.#wait()
  }

  resume(): void {
    if (this.#state !== 'waiting') return
    if (this.#cursor.isCurrent()) {
      this.#state = 'live'
      return
    }
    this.#counters.subscriptionsLagged += 1
    this.#state = 'reading'
    void this.#readToEnd()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#batch.length = 0
    this.#onClose()
  }

  /** The rules have changed: it ends when its filter is refused as a whole now. */
  accessChanged(): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) this.end(refusal)
  }

  /** Ends it from the side of the bus. */
  end(error: BusError): void {
    if (this.#state === 'closed') return
    this.close()
    this.#sink.end(error)
  }

  #start(): void {
    if (this.#state !== 'reading') return
    if (!this.#cursor.isCurrent()) {
      void this.#readToEnd()
      return
    }
    // Tells the reader that it is live, and from which position on.
    this.#goOn(this.#deliver(nothing, true))
  }

  /** Reads pages until there are no more or the reader has enough. Never rejects. */
  async #readToEnd(): Promise<void> {
    try {
      while (this.#state === 'reading') {
        const page = await this.#cursor.read(this.#page)
        if (this.#isClosed()) return
        const isCurrent = this.#cursor.isCurrent()
        const isNews = page.messages.length > 0 || page.damaged.length > 0 || isCurrent
        const hasRoom = !isNews || this.#deliver(page, isCurrent)
        if (this.#isClosed()) return
        if (!hasRoom || isCurrent) this.#goOn(hasRoom)
      }
    } catch (error) {
      this.end(toBusError(error))
    }
  }

  #goOn(hasRoom: boolean): void {
    if (this.#state === 'closed') return
    if (hasRoom) this.#state = 'live'
    else this.#wait()
  }

  #wait(): void {
    if (this.#state === 'closed') return
    this.#state = 'waiting'
    // Commits never come in the middle of a delivery, so this is not stored, and there is no room for it.
    this.#counters.messagesDropped += this.#batch.length
    this.#batch.length = 0
  }

  #deliver(page: CursorPage, caughtUp: boolean): boolean {
    this.#counters.messagesDelivered += page.messages.length
    const delivery: Delivery = {
      messages: page.messages,
      damaged: page.damaged,
      position: this.#cursor.position,
      caughtUp,
    }
    return this.#sink.deliver(delivery)
  }

  // A method, since the compiler does not see that calls in between change the state.
  #isClosed(): boolean {
    return this.#state === 'closed'
  }
}
