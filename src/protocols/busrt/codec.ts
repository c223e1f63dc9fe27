/**
 * Bytes to frames, as they come from BUS/RT clients (spec/busrt 2). Pure and synchronous. A handler is called per
 * frame with the place of the frame in a buffer: nothing is built, and frames that arrive whole are handled
 * where they stand (net/frame-buffer.ts keeps the others).
 *
 * Everything that breaks the protocol is decided from the header as soon as it is whole: opcode and length.
 */

import { ProtocolError } from '../../model/errors.ts'
import { FrameBuffer } from '../../net/frame-buffer.ts'
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

export class FrameDecoder extends FrameBuffer {
  readonly #handler: FrameHandler
  readonly #maxBodyBytes: number

  constructor(handler: FrameHandler, maxBodyBytes: number) {
    super()
    this.#handler = handler
    this.#maxBodyBytes = maxBodyBytes
  }

  /** A header is there and its body is not. */
  get isMidFrame(): boolean {
    return this.keptBytes >= requestHeaderBytes
  }

  protected override handleFrames(bytes: Uint8Array, from: number, end: number): number {
    const handler = this.#handler
    let at = from
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
    return at
  }

  protected override frameLength(bytes: Uint8Array, from: number, end: number): number {
    // A ping is a header alone.
    const isHeader = end - from < requestHeaderBytes || bytes[from + 4] === 0
    return isHeader ? requestHeaderBytes : requestHeaderBytes + this.#bodyLength(bytes, from)
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
}
