/**
 * A stored message as programs see it. The payload is a view into the frame it came in: keep it as
 * long as you like, but a message kept alone keeps its frame too; `payload.slice()` is a copy.
 */

import type { Headers } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { MessageEnvelope } from '../wire/gen/msgbus-v1.ts'
import { codecs, decodePayload, payloadText } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'
import type { Position } from './position.ts'

/** Stands for a node id that is absent on the wire; legal as the target of a queue message. */
export const emptyNode: NodeId = { tenantId: '', blName: '', deviceId: '' }

/** The fields that v1 and v2 messages share. */
type WireMessage = Omit<MessageEnvelope, 'topic' | 'origin'>

export interface MessageOptions<T> {
  readonly topic: string
  readonly origin: NodeId
  readonly codec: PayloadCodec<T>
  /** Undefined while the stream has no place to go on from. */
  readonly position: Position | undefined
}

export class Message<T = Uint8Array> {
  readonly topic: string
  /** The daemon that first stored it. */
  readonly origin: NodeId
  /** Place in the log of this topic and origin: 1, 2, 3 … */
  readonly headId: bigint
  readonly id: string
  /** Empty when deleted. */
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Wall clock of the origin, milliseconds since 1970. */
  readonly createdAtMs: number
  readonly deleted: boolean
  /**
   * A subscription that starts here gets what follows this message. Undefined for messages that did
   * not come by a subscription, and for the last values of a subscription that starts at `last`.
   */
  readonly position: Position | undefined
  readonly #codec: PayloadCodec<T>

  constructor(wire: WireMessage, options: MessageOptions<T>) {
    this.topic = options.topic
    this.origin = options.origin
    this.headId = BigInt(wire.headId)
    this.id = wire.id
    this.payload = wire.payload
    this.headers = wire.headers
    this.createdAtMs = wire.createdAtMs
    this.deleted = wire.deleted
    this.position = options.position
    this.#codec = options.codec
  }

  /** The payload by the codec given to the call. @throws BusError `invalid_argument/undecodable` */
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
    return `${this.topic} at head ${this.headId}`
  }
}

/** A v1 envelope as a message. */
export function fromEnvelope<T>(
  envelope: MessageEnvelope,
  codec: PayloadCodec<T>,
  position?: Position,
): Message<T> {
  const { topic, origin = emptyNode } = envelope
  return new Message(envelope, { topic, origin, codec, position })
}
