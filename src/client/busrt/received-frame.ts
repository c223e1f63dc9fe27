/** What a client gets from others, when it is not RPC. */

import { secondaryMark } from '../../wire/busrt/frames.ts'
import { payloadText } from '../payload-codec.ts'
import type { Delivery, FrameKind } from './delivery-decoder.ts'
import { unpack } from './msgpack.ts'

export class BusrtFrame {
  /** `message`: to this client alone; `broadcast`: to a mask; `publication`: on a topic. */
  readonly kind: FrameKind
  /** Full name of the client that sent it. */
  readonly sender: string
  /** Of a publication, else undefined. */
  readonly topic: string | undefined
  /** Belongs to the receiver. */
  readonly payload: Uint8Array
  /** The sender asked for delivery without delay. */
  readonly realtime: boolean

  constructor(delivery: Delivery) {
    const { kind, realtime, bytes, start, end } = delivery
    this.kind = kind
    this.sender = bytes.toString('utf8', delivery.senderStart, delivery.senderEnd)
    this.topic =
      kind === 'publication'
        ? bytes.toString('utf8', delivery.topicStart, delivery.topicEnd)
        : undefined
    this.payload = copyOf(bytes, start, end)
    this.realtime = realtime
  }

  /** The sender without the suffix of a secondary client. */
  get primarySender(): string {
    return this.sender.split(secondaryMark, 1)[0] ?? ''
  }

  /** The payload as UTF-8, whatever it is. */
  text(): string {
    return payloadText(this.payload)
  }

  /** The payload as MessagePack; undefined when empty. @throws BusError `invalid_argument/undecodable` */
  unpack(): unknown {
    return unpack(this.payload, `a ${this.kind} of ${this.sender}`)
  }
}

/** Bytes of its own, from the pool of Node.js where they are few. */
export function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}
