/** Frames that leave together as one WebSocket message, as far as they may share one. */

import { emptyBytes } from '../../base/proto-reader.ts'
import { frameHeadBytes, putFrameHead, sharedMessageBytes } from './tunnel-frame.ts'

const firstBlockBytes = 1_024

export class FrameBatch {
  #block = new Uint8Array(firstBlockBytes)
  #length = 0

  /** Bytes added since the last `take`. */
  get length(): number {
    return this.#length
  }

  /** Whether a frame with such a body may go with those that are there. */
  fits(call: number, bodyBytes: number): boolean {
    const bytes = frameHeadBytes(call, bodyBytes) + bodyBytes
    return this.#length === 0 || this.#length + bytes <= sharedMessageBytes
  }

  /** Adds a frame that fits; copies the body. */
  add(kind: number, call: number, body: Uint8Array = emptyBytes): void {
    const needed = this.#length + frameHeadBytes(call, body.length) + body.length
    if (needed > this.#block.length) this.#grow(needed)
    const at = putFrameHead(this.#block, this.#length, kind, call, body.length)
    this.#block.set(body, at)
    this.#length = at + body.length
  }

  /** The WebSocket message; the caller owns it. */
  take(): Uint8Array<ArrayBuffer> {
    const message = this.#block.slice(0, this.#length)
    this.#length = 0
    // One large message is no reason to keep a large block.
    if (this.#block.length > sharedMessageBytes) this.#block = new Uint8Array(firstBlockBytes)
    return message
  }

  #grow(needed: number): void {
    const bytes = needed > sharedMessageBytes ? needed : Math.max(needed, 2 * this.#block.length)
    const block = new Uint8Array(bytes)
    block.set(this.#block.subarray(0, this.#length))
    this.#block = block
  }
}
