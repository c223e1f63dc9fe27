/** A message that went to a name, not to a topic, as programs see it. */

import type { ReceivedMessage } from '../wire/gen/msgbus-v2.ts'
import { codecs, decodePayload, payloadText } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'

export class DirectMessage<T = Uint8Array> {
  /** Name of the sender; empty when it has none. */
  readonly sender: string
  readonly payload: Uint8Array
  /** It went to everybody whose name matches a mask. */
  readonly isBroadcast: boolean
  /** The sender asked for delivery without delay. */
  readonly realtime: boolean
  readonly #codec: PayloadCodec<T>

  constructor(wire: ReceivedMessage, codec: PayloadCodec<T>) {
    this.sender = wire.sender
    this.payload = wire.payload
    this.isBroadcast = wire.broadcast
    this.realtime = wire.realtime
    this.#codec = codec
  }

  /** The payload by the codec given to `join`. @throws BusError `invalid_argument/undecodable` */
  get value(): T {
    return decodePayload(this.#codec, this.payload, this.#where())
  }

  /** The payload as UTF-8; what is not shows as U+FFFD. */
  text(): string {
    return payloadText(this.payload)
  }

  /** The payload as JSON. @throws BusError `invalid_argument/undecodable` */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it is
  json<U = unknown>(): U {
    return decodePayload(codecs.json<U>(), this.payload, this.#where())
  }

  #where(): string {
    return this.sender === '' ? 'a message' : `a message of ${this.sender}`
  }
}
