/**
 * Bytes to frames, as they come from BUS/RT clients (spec/busrt 2). Pure and synchronous. A handler is called per
 * frame with the place of the frame in a buffer: nothing is built, and frames that arrive whole are handled
 * where they stand. Of a frame that is cut by the end of a chunk only that part is kept, in memory that grows
 * with what arrives, never on the word of a header.
 *
 * Everything that breaks the protocol is decided from the header as soon as it is whole: opcode and length.
 */

import { ProtocolError } from '../../model/errors.ts'
import { opcodeMask, opcodes, requestHeaderBytes } from '../../wire/busrt/frames.ts'

export interface FrameHandler {
  /**
   * One whole frame: its header at `head`, its body in `bytes[head + 9..end)`. Borrowed for the call.
   * @throws ProtocolError for a body that is not well formed
   */
  frame(bytes: Uint8Array, head: number, end: number): void
  /** A ping. */
  ping(): void
  /** Not 0: before each frame `admits` is asked; what it does not admit is kept for `resume`. */
  readonly gate: number
  admits(flags: number): boolean
}

/** Opcodes of the protocol. 0 with quality bits has a body, too (spec 2.2). */
const isOpcode = new Uint8Array(opcodeMask + 1)
for (const opcode of Object.values(opcodes)) isOpcode[opcode] = 1

const leastKeptBytes = 256

export class FrameDecoder {
  readonly #handler: FrameHandler
  readonly #maxBodyBytes: number
  /** What was not handled yet: part of one frame, or more while the handler does not admit. */
  #kept = new Uint8Array(0)
  #start = 0
  #end = 0
  #isParsing = false

  constructor(handler: FrameHandler, maxBodyBytes: number) {
    this.#handler = handler
    this.#maxBodyBytes = maxBodyBytes
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#end - this.#start
  }

  /** A header is there and its body is not. */
  get isMidFrame(): boolean {
    return this.keptBytes >= requestHeaderBytes
  }

  /**
   * Handles the frames that `bytes[start..end)` completes, and keeps the rest.
   * @throws ProtocolError; the decoder is dead afterwards
   */
  push(bytes: Uint8Array, start: number, end: number): void {
    let at = start
    if (this.keptBytes > 0) {
      at = this.#completeKept(bytes, start, end)
      if (this.keptBytes > 0) {
        this.#keep(bytes, at, end)
        return
      }
    }
    at = this.#parse(bytes, at, end)
    if (at < end) this.#keep(bytes, at, end)
  }

  /** Goes on with what is kept, after the handler admits again. @throws ProtocolError */
  resume(): void {
    // Asked for by the handler in the middle of a frame, it goes on by itself behind that frame.
    if (this.#isParsing) return
    this.#start = this.#parse(this.#kept, this.#start, this.#end)
    this.#shrink()
  }

  /** Handles whole frames from `at` on; returns where it stopped. */
  #parse(bytes: Uint8Array, from: number, end: number): number {
    const handler = this.#handler
    let at = from
    this.#isParsing = true
    while (end - at >= requestHeaderBytes) {
      const flags = bytes[at + 4] as number
      if (flags === 0) {
        handler.ping()
        at += requestHeaderBytes
        continue
      }
      const next = at + requestHeaderBytes + this.#bodyLength(bytes, at)
      if (next > end) break
      if (handler.gate !== 0 && !handler.admits(flags)) break
      handler.frame(bytes, at, next)
      at = next
    }
    this.#isParsing = false
    return at
  }

  /** Length of the body of the frame at `at`, whose header is whole. @throws ProtocolError */
  #bodyLength(bytes: Uint8Array, at: number): number {
    const opcode = (bytes[at + 4] as number) & opcodeMask
    if (isOpcode[opcode] === 0) throw new ProtocolError(`there is no operation ${opcode}`)
    const length =
      ((bytes[at + 5] as number) |
        ((bytes[at + 6] as number) << 8) |
        ((bytes[at + 7] as number) << 16) |
        ((bytes[at + 8] as number) << 24)) >>>
      0
    if (length > this.#maxBodyBytes) {
      throw new ProtocolError(`a frame has ${length} bytes, the limit is ${this.#maxBodyBytes}`)
    }
    return length
  }

  /** Takes what the frame begun in `#kept` still needs, and handles it; returns where it stopped taking. */
  #completeKept(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    // Frames that were held back come first; they are whole.
    if (this.isMidFrame) this.resume()
    for (;;) {
      const kept = this.keptBytes
      if (kept === 0) return at
      const isHeaderWhole = kept >= requestHeaderBytes
      const wanted = isHeaderWhole ? requestHeaderBytes + this.#lengthOfKept() : requestHeaderBytes
      const missing = wanted - kept
      // Whole and still here: the handler does not admit it.
      if (missing <= 0 && isHeaderWhole && !this.#handleKept()) return at
      if (missing <= 0) continue
      if (at === end) return at
      const part = Math.min(missing, end - at)
      this.#keep(bytes, at, at + part)
      at += part
      if (this.keptBytes >= requestHeaderBytes) this.#handleKept()
    }
  }

  #lengthOfKept(): number {
    return this.#kept[this.#start + 4] === 0 ? 0 : this.#bodyLength(this.#kept, this.#start)
  }

  /** Handles what is whole in `#kept`; false when nothing was. */
  #handleKept(): boolean {
    const before = this.#start
    this.#start = this.#parse(this.#kept, this.#start, this.#end)
    const isMoved = this.#start !== before
    this.#shrink()
    return isMoved
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from
    if (this.#end + count > this.#kept.length) this.#makeRoom(count)
    if (count <= 32) {
      for (let i = from; i < to; i++) this.#kept[this.#end++] = bytes[i] as number
    } else {
      this.#kept.set(bytes.subarray(from, to), this.#end)
      this.#end += count
    }
  }

  #makeRoom(count: number): void {
    const kept = this.keptBytes
    const needed = kept + count
    const size =
      needed <= this.#kept.length ? this.#kept.length : Math.max(leastKeptBytes, needed * 2)
    const larger = size === this.#kept.length ? this.#kept : new Uint8Array(size)
    larger.set(this.#kept.subarray(this.#start, this.#end))
    this.#kept = larger
    this.#start = 0
    this.#end = kept
  }

  /** An emptied memory is used again, unless a large frame made it large. */
  #shrink(): void {
    if (this.#start < this.#end) return
    this.#start = 0
    this.#end = 0
    if (this.#kept.length > 65_536) this.#kept = new Uint8Array(0)
  }
}
