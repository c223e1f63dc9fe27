/**
 * Server-sent events (HTML, section "Server-sent events"): a subscription as an answer that does not end.
 *
 * An event has as `id` the place after it in the commit order, with the epoch of the store, so that whoever comes back
 * with `Last-Event-ID` goes on right there, also when the daemon was killed in between. Messages that are not stored
 * have no place and change none. Nothing is queued here: when the response has no room the subscription waits, and
 * reads on from the store when there is.
 */

import type { ServerResponse } from 'node:http'
import type { Delivery, Subscription, SubscriptionSink } from '../../core/bus-client.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { StoredMessage } from '../../model/message.ts'
import type { BusError } from '../../model/errors.ts'
import type { LiveOperations } from '../../core/live.ts'
import { commonHeaders } from './answer.ts'
import { type PayloadEncoding, toDamageJson, toMessageJson } from './message-json.ts'
import { toErrorJson } from './translate.ts'

/** Proxies and browsers give up on a connection on which nothing is heard. */
const keepAliveMs = 15_000
/** How long a browser waits before it comes back. */
const retryMs = 1_000

/** All streams of the listener, for what is done for them together. */
export class EventStreams {
  readonly #clock: Clock
  readonly #streams = new Set<EventStream>()
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(stream: EventStream): void {
    this.#streams.add(stream)
    stream.onClose(() => this.#streams.delete(stream))
    this.#keepAliveLater()
  }

  /** Ends all of them; browsers come back by themselves. */
  close(): void {
    this.#timer?.cancel()
    for (const stream of this.#streams) stream.close()
  }

  #keepAliveLater(): void {
    this.#timer ??= this.#clock.after(keepAliveMs, () => {
      this.#timer = undefined
      for (const stream of this.#streams) stream.keepAlive()
      if (this.#streams.size > 0) this.#keepAliveLater()
    })
  }
}

export interface EventStreamOptions {
  readonly response: ServerResponse
  readonly epoch: string
  readonly encoding: PayloadEncoding
  /** It begins with the newest message of each log. */
  readonly isSnapshot: boolean
  /** Whose traffic it is. */
  readonly live: LiveOperations
}

export class EventStream implements SubscriptionSink {
  readonly #options: EventStreamOptions
  #subscription: Subscription | undefined
  #hasRoom = true
  /** Place after which the client would go on, as it knows it. */
  #toldPosition: number | undefined
  /** The newest messages of all logs are coming: no place is told before all of them have come. */
  #isSnapshot: boolean

  /** Begins the answer. */
  constructor(options: EventStreamOptions) {
    this.#options = options
    const { response, isSnapshot } = options
    this.#isSnapshot = isSnapshot
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Of proxies that collect answers before they pass them on.
      'x-accel-buffering': 'no',
      ...commonHeaders,
    })
    response.on('drain', () => {
      this.#hasRoom = true
      this.#subscription?.resume()
    })
    this.#write(`retry: ${retryMs}\n\n`)
  }

  /** Belongs to the stream from now on. */
  attach(subscription: Subscription): void {
    this.#subscription = subscription
    this.onClose(() => subscription.close())
  }

  onClose(listener: () => void): void {
    this.#options.response.once('close', listener)
  }

  deliver({ messages, position, damaged, caughtUp }: Delivery): boolean {
    const { epoch, encoding, live } = this.#options
    let text = ''
    for (const range of damaged) {
      text += `event: damaged\ndata: ${JSON.stringify(toDamageJson(range))}\n\n`
    }
    for (const message of messages) {
      if (!this.#isSnapshot && message.sequence > 0) {
        text += `id: ${epoch}:${message.sequence}\n`
        this.#toldPosition = message.sequence
      }
      text += caughtUp ? sharedEventOf(message, encoding) : eventOf(message, encoding)
    }
    // Where nothing came of late, or something without an id, the place is told for itself.
    if (position !== undefined) {
      this.#isSnapshot = false
      if (position !== this.#toldPosition) text += `id: ${epoch}:${position}\n\n`
      this.#toldPosition = position
    }
    if (text !== '') this.#write(text)
    live.sentFrames += messages.length
    live.sentBytes += text.length
    return this.#hasRoom
  }

  end(error: BusError): void {
    this.#write(`event: end\ndata: ${JSON.stringify(toErrorJson(error))}\n\n`)
    this.close()
  }

  /** A comment, which clients pass over; not where something else waits to be read. */
  keepAlive(): void {
    if (this.#hasRoom) this.#write(':\n\n')
  }

  close(): void {
    this.#options.response.end()
  }

  #write(text: string): void {
    const { response } = this.#options
    if (response.writableEnded || response.destroyed) return
    if (!response.write(text)) this.#hasRoom = false
  }
}

function eventOf(message: StoredMessage, encoding: PayloadEncoding): string {
  return `event: message\ndata: ${JSON.stringify(toMessageJson(message, encoding))}\n\n`
}

/** What was encoded for one stream serves the others that get it in the same turn. */
const shared: Readonly<Record<PayloadEncoding, Map<StoredMessage, string>>> = {
  auto: new Map(),
  base64: new Map(),
}

function sharedEventOf(message: StoredMessage, encoding: PayloadEncoding): string {
  const events = shared[encoding]
  let text = events.get(message)
  if (text === undefined) {
    text = eventOf(message, encoding)
    if (events.size === 0) setImmediate(() => events.clear())
    events.set(message, text)
  }
  return text
}
