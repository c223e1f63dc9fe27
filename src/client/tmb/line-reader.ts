/**
 * Lines out of what a socket brings. Only the LF is taken away: a server has removed the CR of its
 * sender's line end already, so a CR before the LF belongs to the message (spec/tmb 2).
 */

import { ProtocolError } from '../../model/errors.ts'

/** Gets one line as `bytes[start..end)`, borrowed for the call. */
export type LineTaker = (bytes: Buffer, start: number, end: number) => void

const lineFeed = 0x0a
const noBytes = Buffer.alloc(0)

export class LineReader {
  readonly #maxLineBytes: number
  /** The beginning of a line whose end has not come, in `#begun[0..#length)`. */
  #begun = noBytes
  #length = 0

  /** @param maxLineBytes without the line end */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  /**
   * Hands over the lines that `bytes[0..length)` completes, and keeps a copy of what is left.
   * @throws ProtocolError when a line is longer than the limit; the reader is of no use afterwards
   */
  push(bytes: Buffer, length: number, take: LineTaker): void {
    const chunk = bytes.length === length ? bytes : bytes.subarray(0, length)
    let start = 0
    let end = chunk.indexOf(lineFeed)
    if (end >= 0 && this.#length > 0) {
      this.#keep(chunk, 0, end)
      const whole = this.#begun
      const wholeLength = this.#length
      this.#length = 0
      take(whole, 0, wholeLength)
      // One long line shall not cost its memory for ever.
      if (this.#begun.length > 65_536) this.#begun = noBytes
      start = end + 1
      end = chunk.indexOf(lineFeed, start)
    }
    for (; end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#check(end - start)
      take(chunk, start, end)
      start = end + 1
    }
    if (start < length) this.#keep(chunk, start, length)
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#length + end - start
    this.#check(length)
    if (length > this.#begun.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#begun.length * 2, 256))
      this.#begun.copy(larger, 0, 0, this.#length)
      this.#begun = larger
    }
    chunk.copy(this.#begun, this.#length, start, end)
    this.#length = length
  }

  #check(bytes: number): void {
    if (bytes > this.#maxLineBytes) {
      throw new ProtocolError(`a line is longer than ${this.#maxLineBytes} bytes (maxLineBytes)`)
    }
  }
}
