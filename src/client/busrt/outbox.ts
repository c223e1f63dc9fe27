/**
 * What a client writes. Frames are put straight into one buffer and leave together: realtime ones as
 * soon as the running piece of the program is done, others at the end of the turn of the event loop, so
 * that a burst is one write. A write that the kernel has not taken whole holds back the next one;
 * meanwhile frames collect up to a limit. Only whole frames ever reach the socket: a connection that
 * fails is given up with all that waits (spec/busrt 7.4).
 */

import type { Socket } from 'node:net'
import { BusError } from '../../model/errors.ts'
import { requestHeaderBytes } from '../../wire/busrt/frames.ts'

const startBytes = 65_536
/**
 * From here on senders that wait for room wait, at least until the end of the turn: a loop that sends
 * must let the client read, and what is read may well be its own messages.
 */
const highBytes = 65_536
/** A buffer that large frames have blown up beyond this is not kept. */
const keptBytes = 1_048_576

const done = Promise.resolve()

export class Outbox {
  readonly #socket: Socket
  readonly #maxBytes: number
  #buffer = Buffer.allocUnsafe(startBytes)
  #length = 0
  /** The kernel has not taken the last write whole. */
  #isStalled = false
  #isScheduled = false
  #isHurried = false
  #isEnding = false
  #isClosed = false
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  /** @param maxBytes that may wait; beyond it frames are refused */
  constructor(socket: Socket, maxBytes: number) {
    this.#socket = socket
    this.#maxBytes = maxBytes
  }

  /** Not taken by the kernel yet. */
  get bytes(): number {
    return this.#length + this.#socket.writableLength
  }

  get hasRoom(): boolean {
    return this.bytes < highBytes || this.#isClosed
  }

  /** Resolves when there is room for more, at once in most cases; also when the connection ends. */
  room(): Promise<void> {
    if (this.hasRoom) return done
    if (this.#room === undefined) {
      let resolve = nothing
      const promise = new Promise<void>((settle) => {
        resolve = settle
      })
      this.#room = { promise, resolve }
    }
    return this.#room.promise
  }

  /**
   * Adds a frame: `head`, and, when there is a payload, a zero and the payload, whose bytes are copied.
   * @throws BusError `resource_exhausted/quota_exceeded` when too much waits already
   */
  append(opId: number, flags: number, head: string, payload: Uint8Array | undefined): void {
    const payloadBytes = payload === undefined ? 0 : payload.length + 1
    // A unit of UTF-16 takes three bytes at most; how many it really are is known once they are written.
    const most = requestHeaderBytes + head.length * 3 + payloadBytes
    if (this.bytes + most > this.#maxBytes && this.bytes > 0) throw this.#full()
    this.#reserve(most)
    const buffer = this.#buffer
    const at = this.#length
    const bodyAt = at + requestHeaderBytes
    const headBytes = buffer.write(head, bodyAt)
    const bodyBytes = headBytes + payloadBytes
    writeUint32(buffer, at, opId)
    buffer[at + 4] = flags
    writeUint32(buffer, at + 5, bodyBytes)
    if (payload !== undefined) {
      buffer[bodyAt + headBytes] = 0
      buffer.set(payload, bodyAt + headBytes + 1)
    }
    this.#length = bodyAt + bodyBytes
  }

  /** Adds bytes that are no frame with a body: the handshake, a ping. */
  appendBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Sees to it that what was added leaves. */
  schedule(isRealtime: boolean): void {
    if (isRealtime) {
      if (this.#isHurried) return
      this.#isHurried = true
      process.nextTick(this.#onTick)
    } else if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#onTurn)
    }
  }

  flush(): void {
    if (this.#length === 0 || this.#isStalled || this.#isClosed) return
    const buffer = this.#buffer
    const chunk = buffer.subarray(0, this.#length)
    this.#length = 0
    // The callback and not `drain`: that event stays away after a write that was just small enough.
    this.#socket.write(chunk, this.#onWritten)
    if (this.#socket.writableLength > 0) {
      this.#isStalled = true
      this.#buffer = Buffer.allocUnsafe(startBytes)
    } else {
      // Taken whole: the buffer is free again, unless a large frame has blown it up.
      if (buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafe(startBytes)
      this.#release()
    }
  }

  /** Closes this side of the socket behind what waits. Nothing may be added any more. */
  end(): void {
    this.#isEnding = true
    this.flush()
    this.#endIfWritten()
  }

  /** Nothing is written any more. */
  close(): void {
    this.#isClosed = true
    this.#length = 0
    this.#buffer = Buffer.alloc(0)
    this.#release()
  }

  readonly #onTick = (): void => {
    this.#isHurried = false
    this.flush()
  }

  readonly #onTurn = (): void => {
    this.#isScheduled = false
    this.flush()
  }

  readonly #onWritten = (): void => {
    if (!this.#isStalled || this.#socket.writableLength > 0) return
    this.#isStalled = false
    this.flush()
    this.#release()
    this.#endIfWritten()
  }

  #endIfWritten(): void {
    // What the socket has it writes by itself before it ends.
    if (this.#isEnding && this.#length === 0) this.#socket.end()
  }

  #release(): void {
    if (this.#room === undefined || !this.hasRoom) return
    const { resolve } = this.#room
    this.#room = undefined
    resolve()
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  #full(): BusError {
    return new BusError(
      'resource_exhausted',
      'quota_exceeded',
      `${this.bytes} bytes wait for the broker, the limit is ${this.#maxBytes} (maxPendingBytes): await what you send`,
    )
  }
}

function writeUint32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value & 0xff
  buffer[at + 1] = (value >>> 8) & 0xff
  buffer[at + 2] = (value >>> 16) & 0xff
  buffer[at + 3] = (value >>> 24) & 0xff
}

function nothing(): void {}
