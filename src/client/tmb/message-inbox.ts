/**
 * Messages between the socket and the program, which takes them by iterating. Nothing is dropped for
 * being late: when enough wait, the client stops reading its socket. Only a program that does not iterate
 * at all loses what comes after the first queue full: it evidently does not want any, and the answers to
 * its commands come by the same socket.
 */

import { BatchQueue } from '../batch-queue.ts'
import type { TmbMessage } from './received-message.ts'

export interface MessageInboxOptions {
  readonly maxMessages: number
  readonly maxBytes: number
  /** There is room again. */
  readonly onRoom: () => void
}

/** The reserve is so many times the limit. */
const reserveFactor = 8

export class MessageInbox {
  readonly #options: MessageInboxOptions
  readonly #queue: BatchQueue<TmbMessage>
  /** Of the read that is running. */
  #arrived: TmbMessage[] = []
  #arrivedBytes = 0
  #iterators = 0
  #isFull = false
  /** What came while it was full. */
  #excessMessages = 0
  #excessBytes = 0
  #discarded = 0

  constructor(options: MessageInboxOptions) {
    this.#options = options
    const { maxMessages: maxItems, maxBytes } = options
    this.#queue = new BatchQueue({ maxItems, maxBytes, onClosed: nothing })
  }

  /** Enough waits; further messages are taken all the same. */
  get isFull(): boolean {
    return this.#isFull && this.#iterators > 0
  }

  /** Though it is full, it may take more while the program waits for what comes behind it. */
  get hasReserve(): boolean {
    const { maxMessages, maxBytes } = this.#options
    return (
      this.#excessMessages < maxMessages * reserveFactor &&
      this.#excessBytes < maxBytes * reserveFactor
    )
  }

  /** Messages dropped because nobody iterates. */
  get discarded(): number {
    return this.#discarded
  }

  add(message: TmbMessage): void {
    if (this.#isFull && this.#iterators === 0) {
      this.#discarded += 1
      return
    }
    this.#arrived.push(message)
    this.#arrivedBytes += message.raw.length
  }

  /** Makes what was added available. */
  flush(): void {
    if (this.#arrived.length === 0) return
    const [messages, bytes] = [this.#arrived, this.#arrivedBytes]
    this.#arrived = []
    this.#arrivedBytes = 0
    const room = this.#queue.push(messages, bytes)
    if (room === undefined) return
    if (this.#isFull) {
      this.#excessMessages += messages.length
      this.#excessBytes += bytes
    }
    this.#isFull = true
    void room.then(() => {
      this.#isFull = false
      this.#excessMessages = 0
      this.#excessBytes = 0
      this.#options.onRoom()
    })
  }

  messages(): AsyncIterableIterator<TmbMessage, undefined> {
    return this.#iterate(() => this.#queue.next())
  }

  batches(): AsyncIterableIterator<readonly TmbMessage[], undefined> {
    return this.#iterate(() => this.#queue.nextBatch())
  }

  /** Nothing more comes: after what waits iterators end, with `error` if there is one. */
  end(error: unknown): void {
    this.flush()
    this.#queue.end(error)
  }

  /** Ends at once; what waits is dropped. */
  close(): void {
    this.#queue.close()
  }

  #iterate<Item>(
    next: () => Promise<IteratorResult<Item, undefined>>,
  ): AsyncIterableIterator<Item, undefined> {
    this.#iterators += 1
    let isEnded = false
    const iterator: AsyncIterableIterator<Item, undefined> = {
      next: () => (isEnded ? Promise.resolve(ended) : next()),
      return: () => {
        if (!isEnded) this.#iterators -= 1
        isEnded = true
        if (this.#iterators === 0) this.#options.onRoom()
        return Promise.resolve(ended)
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }
}

const ended = { value: undefined, done: true } as const

function nothing(): void {}
