/**
 * The frames that a bus and a worker exchange over a message port. What one turn of the event loop brings
 * goes as one batch: frames one behind the other in one block of memory that is handed over, not copied.
 * Both ends come with the same build, so there is no negotiation, only a number that must agree
 * (`portProtocol`).
 *
 *   frame   kind (1), flags (1), length of the name (2), id (4), length of the body (4), name, body
 *   name    UTF-8: the client, topic, mask or procedure the frame is about; may be empty
 *   body    fields as listed below, then, where there is one, the payload as the rest
 *
 * Integers are little-endian. Fields: u8, u32, f64 (IEEE), text (u32 length, UTF-8), headers (u32 count,
 * that many pairs of texts), value (the rest, in the serialisation of structured clones). `failure` stands
 * for a value that describes a BusError. Ids are chosen by whoever opens something and are used again
 * only for what belongs to it.
 *
 *   worker to bus                                  bus to worker
 *   ----------------------------------------      -----------------------------------------
 *   post         name, payload                     welcome      value: PortWelcome
 *   send         id, name, payload                 outcome      id, body: u8 (index in sendOutcomes)
 *   broadcast    id, name = mask, payload          count        id, body: u32
 *   publishLive  name = topic, payload             message      name = sender, payload
 *   publish      id, name = topic, [publish id]    broadcast    name = sender, payload
 *                headers, payload                  publication  name = topic, sender, headers,
 *                                                               sequence f64, payload
 *   request      id, value: [method, arguments]    receipt      id, name = message id, head id f64,
 *                                                               creation time f64, duplicate u8
 *   subscribe    id, value: SubscribeOptions       delivery     id, see port-delivery.ts
 *   taken        id, body: u32 bytes               ended        id, failure
 *   unsubscribe  id
 *   consume      id, value: ConsumeOptions         lease        id, value: QueueLease
 *   unconsume    id
 *   register     id, name                          invoke       id, name, registration u32,
 *   unregister   id                                             caller, headers, payload
 *   call         id, name, time-out f64, headers,  abort        id (of an invocation)
 *                payload
 *   cancel       id (of a call)
 *   congested    body: u8                          pause, resume
 *                                                  end          failure
 *
 *   both ways: answer id, value; failure id, failure; result id, headers, payload
 */

import { BusError, ProtocolError } from '../model/errors.ts'
import { type Headers, noHeaders } from '../model/message.ts'
import { copyBytes } from './payload.ts'

/** Changes with every change of the frames. */
export const portProtocol: number = 1

export const kinds = {
  welcome: 1,
  answer: 2,
  failure: 3,
  result: 4,
  end: 5,
  post: 10,
  send: 11,
  broadcast: 12,
  publishLive: 13,
  message: 14,
  publication: 15,
  outcome: 16,
  count: 17,
  pause: 18,
  resume: 19,
  congested: 20,
  publish: 30,
  receipt: 31,
  subscribe: 32,
  delivery: 33,
  taken: 34,
  unsubscribe: 35,
  ended: 36,
  request: 40,
  consume: 41,
  lease: 42,
  unconsume: 43,
  register: 50,
  unregister: 51,
  invoke: 52,
  abort: 53,
  call: 54,
  cancel: 55,
} as const

export type FrameKind = (typeof kinds)[keyof typeof kinds]

export const flags = {
  realtime: 1,
  /** A publish id stands before the headers. */
  publishId: 2,
} as const

/** Body of an outcome frame. */
export const sendOutcomes = ['sent', 'unknown', 'denied', 'full'] as const

export const headerBytes = 12
const nameBytesMost = 65_535
const leastCapacity = 4_096
const mostCapacity = 262_144
const empty = Buffer.alloc(0)
/** Texts up to here are written by a loop while they are ASCII. */
const shortText = 64

/** Collects frames into a batch. A frame is written by `add`, or by `begin`, its fields, and `finish`. */
export class FrameWriter {
  #buffer = empty
  #used = 0
  #frameStart = 0
  #bodyStart = 0
  /** Size of the next block: what was enough for the one before. */
  #capacity = leastCapacity

  /** Bytes of the frames collected. */
  get length(): number {
    return this.#used
  }

  /** A whole frame whose body is `bytes[start..end)`, copied. @throws BusError `name_too_long` */
  add(
    kind: FrameKind,
    flagBits: number,
    id: number,
    name: string | Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.begin(kind, flagBits, id, name)
    this.rest(bytes, start, end)
    this.finish()
  }

  /** A frame without name and body. */
  addEmpty(kind: FrameKind, id = 0): void {
    this.begin(kind, 0, id, '')
    this.finish()
  }

  /** @throws BusError `invalid_argument/name_too_long`; nothing is written then */
  begin(kind: FrameKind, flagBits: number, id: number, name: string | Uint8Array): void {
    const start = this.#used
    const most = typeof name === 'string' ? name.length * 3 : name.length
    this.#reserve(headerBytes + most)
    const buffer = this.#buffer
    let nameEnd = start + headerBytes
    if (typeof name === 'string') nameEnd += this.#writeText(name, nameEnd)
    else {
      copyBytes(name, 0, name.length, buffer, nameEnd)
      nameEnd += name.length
    }
    const nameLength = nameEnd - start - headerBytes
    if (nameLength > nameBytesMost) {
      const text = `a name of ${nameLength} bytes is too long, limit ${nameBytesMost}`
      throw new BusError('invalid_argument', 'name_too_long', text)
    }
    buffer[start] = kind
    buffer[start + 1] = flagBits
    buffer[start + 2] = nameLength & 0xff
    buffer[start + 3] = nameLength >>> 8
    writeU32(buffer, start + 4, id)
    this.#frameStart = start
    this.#bodyStart = nameEnd
    this.#used = nameEnd
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#used++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    writeU32(this.#buffer, this.#used, value)
    this.#used += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#used = this.#buffer.writeDoubleLE(value, this.#used)
  }

  text(value: string): void {
    this.#reserve(4 + value.length * 3)
    const length = this.#writeText(value, this.#used + 4)
    writeU32(this.#buffer, this.#used, length)
    this.#used += 4 + length
  }

  headers(headers: Headers): void {
    this.u32(headers.size)
    if (headers.size === 0) return
    for (const [key, value] of headers) {
      this.text(key)
      this.text(value)
    }
  }

  /** Bytes with their length before them. */
  block(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.rest(bytes, 0, bytes.length)
  }

  /** The last field: bytes that end with the frame. */
  rest(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#reserve(end - start)
    copyBytes(bytes, start, end, this.#buffer, this.#used)
    this.#used += end - start
  }

  finish(): void {
    writeU32(this.#buffer, this.#frameStart + 8, this.#used - this.#bodyStart)
  }

  /** The batch, in a block that may be handed over; undefined when there are no frames. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const used = this.#used
    if (used === 0) return undefined
    const batch = this.#buffer.subarray(0, used)
    this.#capacity = Math.min(mostCapacity, Math.max(leastCapacity, nextPowerOfTwo(used)))
    this.#buffer = empty
    this.#used = 0
    return batch
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes
    if (needed <= this.#buffer.length) return
    const capacity = Math.max(this.#capacity, nextPowerOfTwo(needed))
    // Not from the pool of Node.js: the block is handed over whole. What is not written is not read.
    const larger = Buffer.allocUnsafeSlow(capacity)
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
  }

  /** Writes where three bytes per unit are reserved; returns the number of bytes. */
  #writeText(text: string, at: number): number {
    const buffer = this.#buffer
    const { length } = text
    if (length <= shortText) {
      let i = 0
      for (; i < length; i++) {
        const unit = text.charCodeAt(i)
        if (unit >= 0x80) break
        buffer[at + i] = unit
      }
      if (i === length) return length
    }
    return buffer.write(text, at)
  }
}

/** One frame of a batch. The object is used again for the next one, the bytes stay as they are. */
export class Frame {
  bytes = empty
  kind = 0
  flags = 0
  id = 0
  nameStart = 0
  nameEnd = 0
  /** The body is `bytes[start..end)`. */
  start = 0
  end = 0

  get name(): string {
    return this.bytes.toString('utf8', this.nameStart, this.nameEnd)
  }

  get realtime(): boolean {
    return (this.flags & flags.realtime) !== 0
  }

  /** Bytes of the whole frame. */
  get size(): number {
    return this.end - this.nameStart + headerBytes
  }
}

/** Calls `take` for every frame of a batch, in order. @throws ProtocolError, and what `take` throws */
export function readFrames(batch: Uint8Array<ArrayBuffer>, take: (frame: Frame) => void): void {
  const frame = new Frame()
  const { length } = batch
  frame.bytes = Buffer.from(batch.buffer, batch.byteOffset, length)
  for (let at = 0; at < length; at = frame.end) {
    if (at + headerBytes > length) throw truncated()
    frame.kind = batch[at] as number
    frame.flags = batch[at + 1] as number
    frame.id = readU32(batch, at + 4)
    frame.nameStart = at + headerBytes
    frame.nameEnd = frame.nameStart + (batch[at + 2] as number) + ((batch[at + 3] as number) << 8)
    frame.start = frame.nameEnd
    frame.end = frame.start + readU32(batch, at + 8)
    if (frame.end > length) throw truncated()
    take(frame)
  }
}

/** Reads the fields of a body in their order. Everything throws ProtocolError beyond its end. */
export class FieldReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor({ bytes, start, end }: Pick<Frame, 'bytes' | 'start' | 'end'>) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  u8(): number {
    return this.#bytes[this.skip(1)] as number
  }

  u32(): number {
    return readU32(this.#bytes, this.skip(4))
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.skip(8))
  }

  text(): string {
    const length = this.u32()
    const start = this.skip(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  headers(): Headers {
    const count = this.u32()
    if (count === 0) return noHeaders
    const headers = new Map<string, string>()
    for (let i = 0; i < count; i++) headers.set(this.text(), this.text())
    return headers
  }

  /** A view of bytes that have their length before them. */
  block(): Uint8Array {
    const length = this.u32()
    const start = this.skip(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** Where the last field begins; it ends with the body. */
  get position(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  /** A view of everything that is left. */
  rest(): Uint8Array {
    const start = this.#at
    this.#at = this.#end
    return this.#bytes.subarray(start, this.#end)
  }

  /** Passes over so many bytes and answers where they begin. */
  skip(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#end) throw truncated()
    this.#at = at + bytes
    return at
  }
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff
  bytes[at + 1] = (value >>> 8) & 0xff
  bytes[at + 2] = (value >>> 16) & 0xff
  bytes[at + 3] = value >>> 24
}

function readU32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value))
}

function truncated(): ProtocolError {
  return new ProtocolError('a frame of a message port ends too early')
}
