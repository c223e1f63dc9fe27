/**
 * Bytes to lines (spec/tmb 1). Pure and synchronous. A handler is called per line with its place in a buffer: nothing
 * is built, and lines that arrive whole are handled where they stand. Of a line that is cut by the end of a chunk
 * that part is kept, never more than the longest line; a longer one is told of once and skipped up to its end.
 */

import { Buffer } from 'node:buffer'
import { carriageReturn, lineFeed } from '../../wire/tmb/category.ts'

export interface LineHandler {
  /** One line without its end: `bytes[start..end)`. Borrowed for the call. */
  line(bytes: Uint8Array, start: number, end: number): void
  /** A line is longer than the limit; `bytes[start..end)` is how it begins. Borrowed for the call. */
  tooLong(bytes: Uint8Array, start: number, end: number): void
  /** While true no line is handled; what comes is kept for `resume`, so nothing more should be read. */
  readonly isHeld: boolean
}

const leastKeptBytes = 256
/** Kept memory that is larger is given up as soon as it is empty. */
const keptBytesMost = 65_536

export class LineDecoder {
  readonly #handler: LineHandler
  readonly #maxLineBytes: number
  /** What was not handled yet: the beginning of one line, or all that came while the handler held it back. */
  #kept = new Uint8Array(0)
  #start = 0
  #end = 0
  #isSkipping = false
  #isParsing = false

  constructor(handler: LineHandler, maxLineBytes: number) {
    this.#handler = handler
    this.#maxLineBytes = maxLineBytes
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#end - this.#start
  }

  /** Handles the lines that `bytes[start..end)` completes, and keeps the rest. */
  push(bytes: Uint8Array, start: number, end: number): void {
    let at = start
    if (this.keptBytes > 0 && !this.#handler.isHeld) at = this.#completeKept(bytes, start, end)
    if (this.keptBytes === 0) at = this.#parse(bytes, at, end)
    if (at < end) this.#keep(bytes, at, end)
  }

  /** What was pushed so far ends a line, whether it had an end or not. */
  endLine(): void {
    if (this.keptBytes > 0) this.push(endOfLine, 0, 1)
    else this.#isSkipping = false
  }

  /** Goes on with what is kept, when the handler does not hold it back any more. */
  resume(): void {
    // Asked for by the handler in the middle of a line, it goes on by itself behind that line.
    if (this.#isParsing) return
    this.#start = this.#parse(this.#kept, this.#start, this.#end)
    this.#shrink()
  }

  /** Handles whole lines from `from` on; returns where it stopped. */
  #parse(bytes: Uint8Array, from: number, end: number): number {
    const handler = this.#handler
    const limit = this.#maxLineBytes
    let at = from
    this.#isParsing = true
    while (at < end && !handler.isHeld) {
      const feed = endOfLineAt(bytes, at, end)
      if (this.#isSkipping) {
        this.#isSkipping = feed === -1
        at = feed === -1 ? end : feed + 1
      } else if (feed === -1) {
        if (!isLonger(bytes, at, end, limit)) break
        this.#isSkipping = true
        handler.tooLong(bytes, at, end)
        at = end
      } else {
        const stop = feed > at && bytes[feed - 1] === carriageReturn ? feed - 1 : feed
        if (stop - at > limit) handler.tooLong(bytes, at, stop)
        else handler.line(bytes, at, stop)
        at = feed + 1
      }
    }
    this.#isParsing = false
    return at
  }

  /** Adds to the line begun in `#kept` what it still needs, and handles it; returns where it stopped taking. */
  #completeKept(bytes: Uint8Array, start: number, end: number): number {
    const feed = endOfLineAt(bytes, start, end)
    const room = this.#maxLineBytes + 2 - this.keptBytes
    // One byte more than fits is enough to see that the line is too long; the rest of it need not be kept.
    const stop = Math.min(feed === -1 ? end : feed + 1, start + room)
    this.#keep(bytes, start, stop)
    this.resume()
    return stop
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

  #shrink(): void {
    if (this.#start < this.#end) return
    this.#start = 0
    this.#end = 0
    if (this.#kept.length > keptBytesMost) this.#kept = new Uint8Array(0)
  }
}

const endOfLine = Uint8Array.of(lineFeed)

/** A line without an end so far that cannot become short enough: one carriage return more may still go. */
function isLonger(bytes: Uint8Array, start: number, end: number, limit: number): boolean {
  const length = end - start
  return length > limit + 1 || (length === limit + 1 && bytes[end - 1] !== carriageReturn)
}

// Of what the engine offers this is the fastest by far: 12 ns for 100 bytes, where a loop takes 86.
const { indexOf } = Buffer.prototype

/** Where the next line feed is; -1: there is none. */
function endOfLineAt(bytes: Uint8Array, start: number, end: number): number {
  const at = indexOf.call(bytes, lineFeed, start)
  return at < end ? at : -1
}
