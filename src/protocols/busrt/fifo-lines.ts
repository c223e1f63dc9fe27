/**
 * Chunks of a pipe as lines, however they were cut. A line that is too long costs itself and nothing else: its
 * rest is passed over up to its end.
 */

const newline = 0x0a

export class FifoLines {
  /** The line so far. */
  readonly #line: Buffer
  #length = 0
  #isOverlong = false
  #chunk: Uint8Array = new Uint8Array()
  #at = 0

  /** @param longest bytes of a line without its newline; this much memory is taken at once */
  constructor(longest: number) {
    this.#line = Buffer.allocUnsafe(longest)
  }

  /** The chunk before must have been used up; this one is kept until it is. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /**
   * The next line without its newline, valid until the next call; `overlong` once for each that is; undefined
   * when more bytes are needed.
   */
  next(): Uint8Array | 'overlong' | undefined {
    while (this.#at < this.#chunk.length) {
      const found = this.#chunk.indexOf(newline, this.#at)
      const end = found === -1 ? this.#chunk.length : found
      const wasOverlong = this.#isOverlong
      this.#append(this.#chunk.subarray(this.#at, end))
      this.#at = end + 1
      const isNews = this.#isOverlong && !wasOverlong
      const line = this.#line.subarray(0, this.#length)
      if (found !== -1) this.#begin()
      if (isNews) return 'overlong'
      if (found !== -1 && !wasOverlong) return line
    }
    return undefined
  }

  /** A line that was begun and will not be ended; undefined when there is none. */
  end(): Uint8Array | undefined {
    const line = this.#line.subarray(0, this.#length)
    this.#begin()
    return line.length > 0 ? line : undefined
  }

  #append(piece: Uint8Array): void {
    if (this.#isOverlong || this.#length + piece.length > this.#line.length) {
      this.#isOverlong = true
      this.#length = 0
      return
    }
    this.#line.set(piece, this.#length)
    this.#length += piece.length
  }

  #begin(): void {
    this.#length = 0
    this.#isOverlong = false
  }
}
