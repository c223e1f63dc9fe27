/**
 * Cuts the byte stream of a broker into frames (spec/busrt 3.1). It works in place on the bytes it is
 * given, which may be one buffer used for every read; only a frame that comes in several pieces is
 * copied, into a buffer that grows with what has arrived and not with what a header promises.
 */

import { ProtocolError } from '../../model/errors.ts'
import { deliveryHeaderBytes, deliveryKinds } from '../../wire/busrt/frames.ts'

/** What a data frame is, without its bytes. */
export type FrameKind = 'message' | 'broadcast' | 'publication'

/** A data frame. One object is used for all: it and its bytes are valid during the call only. */
export interface Delivery {
  kind: FrameKind
  realtime: boolean
  bytes: Buffer
  senderStart: number
  senderEnd: number
  /** Equal to `topicEnd` for what is no publication. */
  topicStart: number
  topicEnd: number
  /** The payload is `bytes[start..end)`. */
  start: number
  end: number
}

export interface DeliverySink {
  onDelivery(delivery: Delivery): void
  onAck(opId: number, result: number): void
}

const keptBytes = 65_536

export class DeliveryDecoder {
  readonly #sink: DeliverySink
  readonly #maxBodyBytes: number
  /** The beginning of a frame whose end has not come. */
  #kept: Buffer = Buffer.alloc(0)
  #keptLength = 0
  readonly #delivery: Delivery = {
    kind: 'message',
    realtime: false,
    bytes: this.#kept,
    senderStart: 0,
    senderEnd: 0,
    topicStart: 0,
    topicEnd: 0,
    start: 0,
    end: 0,
  }

  constructor(sink: DeliverySink, maxBodyBytes: number) {
    this.#sink = sink
    this.#maxBodyBytes = maxBodyBytes
  }

  /**
   * Hands over the frames that `bytes[start..end)` completes, in order.
   * @throws ProtocolError on bytes that no broker sends, and on frames over the limit; nothing may be
   *   pushed afterwards
   */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start
    if (this.#keptLength > 0) {
      at = this.#complete(bytes, start, end)
      if (this.#keptLength > 0) return
    }
    while (end - at >= deliveryHeaderBytes) {
      const next = at + this.#frameBytes(bytes, at)
      if (next > end) break
      this.#decode(bytes, at, next)
      at = next
    }
    if (at < end) this.#keep(bytes, at, end)
  }

  /** Adds to the frame that was begun. Returns where the bytes go on behind it. */
  #complete(bytes: Buffer, start: number, end: number): number {
    let at = start
    if (this.#keptLength < deliveryHeaderBytes) {
      at = this.#keep(bytes, at, Math.min(end, at + deliveryHeaderBytes - this.#keptLength))
      if (this.#keptLength < deliveryHeaderBytes) return at
    }
    const length = this.#frameBytes(this.#kept, 0)
    at = this.#keep(bytes, at, Math.min(end, at + length - this.#keptLength))
    if (this.#keptLength < length) return at
    const frame = this.#kept
    this.#keptLength = 0
    if (frame.length > keptBytes) this.#kept = Buffer.alloc(0)
    this.#decode(frame, 0, length)
    return at
  }

  #keep(bytes: Buffer, start: number, end: number): number {
    const length = this.#keptLength + end - start
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, keptBytes, this.#kept.length * 2))
      this.#kept.copy(larger, 0, 0, this.#keptLength)
      this.#kept = larger
    }
    bytes.copy(this.#kept, this.#keptLength, start, end)
    this.#keptLength = length
    return end
  }

  /** Length of the frame whose header stands at `at`. */
  #frameBytes(bytes: Buffer, at: number): number {
    switch (bytes[at] ?? -1) {
      case deliveryKinds.message:
      case deliveryKinds.publish:
      case deliveryKinds.broadcast: {
        const length = readUint32(bytes, at + 1)
        if (length <= this.#maxBodyBytes) return deliveryHeaderBytes + length
        throw new ProtocolError(
          `a frame of ${length} bytes came, the limit is ${this.#maxBodyBytes} (maxFrameBytes)`,
        )
      }
      case deliveryKinds.ack:
      case deliveryKinds.nop:
        return deliveryHeaderBytes
      default:
        throw new ProtocolError(`a frame of kind 0x${(bytes[at] ?? 0).toString(16)} came`)
    }
  }

  #decode(bytes: Buffer, at: number, end: number): void {
    const body = at + deliveryHeaderBytes
    switch (bytes[at] ?? -1) {
      case deliveryKinds.ack:
        return this.#sink.onAck(readUint32(bytes, at + 1), bytes[at + 5] ?? 0)
      case deliveryKinds.message:
        return this.#deliver('message', bytes, body, end)
      case deliveryKinds.broadcast:
        return this.#deliver('broadcast', bytes, body, end)
      case deliveryKinds.publish:
        return this.#deliver('publication', bytes, body, end)
      default:
        // A ping: that it came is all it says.
        return undefined
    }
  }

  #deliver(kind: FrameKind, bytes: Buffer, body: number, end: number): void {
    const delivery = this.#delivery
    delivery.kind = kind
    delivery.realtime = bytes[body - 1] !== 0
    delivery.bytes = bytes
    delivery.senderStart = body
    delivery.senderEnd = zeroIn(bytes, body, end)
    delivery.topicStart = delivery.senderEnd + 1
    delivery.topicEnd = delivery.topicStart
    delivery.start = delivery.topicStart
    if (kind === 'publication') {
      delivery.topicEnd = zeroIn(bytes, delivery.topicStart, end)
      delivery.start = delivery.topicEnd + 1
    }
    delivery.end = end
    this.#sink.onDelivery(delivery)
  }
}

function zeroIn(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === 0) return at
  throw new ProtocolError('a frame came without the zero after a name')
}

function readUint32(bytes: Buffer, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
  return low + (bytes[at + 3] ?? 0) * 0x100_0000
}
