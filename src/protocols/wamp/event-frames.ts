/**
 * The EVENT messages of the publication at hand (spec/wamp 5.3): encoded once for each subscription and serializer,
 * whoever many receive it. The buffer is used again for the next publication.
 */

import { ByteSink } from '../../wire/wamp/byte-sink.ts'
import { appendPayload } from '../../wire/wamp/encode-message.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type { DictInput } from '../../wire/wamp/messages.ts'
import type { WampPayload } from '../../wire/wamp/payload.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'

const places = 4

export class EventFrames {
  readonly sink = new ByteSink()
  /** Where the event of the i-th subscription begins and ends in each serializer; -1: not encoded yet. */
  #starts: Int32Array = new Int32Array(places * 4)
  #ends: Int32Array = new Int32Array(places * 4)

  /** Forgets everything; there are so many subscriptions now. */
  reset(subscriptions: number): void {
    this.sink.clear()
    const needed = subscriptions * places
    if (needed > this.#starts.length) {
      this.#starts = new Int32Array(needed * 2)
      this.#ends = new Int32Array(needed * 2)
    }
    this.#starts.fill(-1, 0, needed)
  }

  /** Negative: not encoded yet. */
  startOf(subscription: number, serializer: Serializer): number {
    return this.#starts[subscription * places + serializer.rawSocketNumber] as number
  }

  endOf(subscription: number, serializer: Serializer): number {
    return this.#ends[subscription * places + serializer.rawSocketNumber] as number
  }

  /** @param details undefined: none */
  encode(
    index: number,
    serializer: Serializer,
    subscription: number,
    publication: number,
    details: DictInput | undefined,
    payload: WampPayload,
  ): void {
    const { sink } = this
    const start = sink.length
    writeEvent(sink, serializer, subscription, publication, details, payload.in(serializer))
    this.#starts[index * places + serializer.rawSocketNumber] = start
    this.#ends[index * places + serializer.rawSocketNumber] = sink.length
  }
}

const noDetails = {}

/** Appends one EVENT; the payload is in its serializer. */
export function writeEvent(
  sink: ByteSink,
  serializer: Serializer,
  subscription: number,
  publication: number,
  details: DictInput | undefined,
  payload: WampPayload,
): void {
  serializer.beginList(sink, 4 + payload.count)
  serializer.encode(sink, messageTypes.event)
  serializer.separate(sink)
  serializer.encode(sink, subscription)
  serializer.separate(sink)
  serializer.encode(sink, publication)
  serializer.separate(sink)
  serializer.encode(sink, details ?? noDetails)
  appendPayload(sink, serializer, payload)
  serializer.endList(sink)
}
