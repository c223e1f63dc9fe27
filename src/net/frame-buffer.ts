/**
 * Joins the pieces of a stream of frames: whole frames are handled where they stand, and of one that is cut by the
 * end of a chunk only that part is kept, in memory that grows with what arrives, never on the word of a header.
 * A protocol says how long a frame is and what to do with whole ones; it may also hold frames back, then they
 * are kept until `resume`.
 */

const leastKeptBytes = 256
/** Kept memory larger than this is given up when it is empty. */
const mostSpareBytes = 65_536
/** Up to so many bytes a loop is faster than a block copy and the view it needs. */
const loopBytes = 32

export abstract class FrameBuffer {
  /** What was not handled yet: part of one frame, or more while the protocol holds frames back. */
  #kept = new Uint8Array(0)
  #start = 0
  #end = 0
  #isHandling = false

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#end - this.#start
  }

  /**
   * Handles the frames that `bytes[start..end)` completes, and keeps the rest.
   * @throws what handling throws; the buffer is dead afterwards
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
    at = this.#handle(bytes, at, end)
    if (at < end) this.#keep(bytes, at, end)
  }

  /** Goes on with what was held back. Asked for in the middle of a frame, it goes on by itself behind that frame. */
  resume(): void {
    if (!this.#isHandling) this.#handleKept()
  }

  /**
   * Handles whole frames from `from` on; returns where it stopped: at the end, at a frame that is not whole, or at
   * one that is held back.
   */
  protected abstract handleFrames(bytes: Uint8Array, from: number, end: number): number

  /**
   * Length of the frame that begins at `from`, as far as can be told: when its header is not whole, one more than
   * there is. Called with at least one byte.
   */
  protected abstract frameLength(bytes: Uint8Array, from: number, end: number): number

  /**
   * Whether the frame that begins at `from` is not even to be looked at yet: what is wrong with it is said in its turn,
   * however the stream was cut.
   */
  protected isHeldBack(_bytes: Uint8Array, _from: number): boolean {
    return false
  }

  #handle(bytes: Uint8Array, from: number, end: number): number {
    this.#isHandling = true
    const at = this.handleFrames(bytes, from, end)
    this.#isHandling = false
    return at
  }

  /** Takes what the frame begun in `#kept` still needs, and handles it; returns where it stopped taking. */
  #completeKept(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (this.keptBytes > 0) {
      if (this.isHeldBack(this.#kept, this.#start)) return at
      const missing = this.frameLength(this.#kept, this.#start, this.#end) - this.keptBytes
      if (missing <= 0) {
        // Whole and still here: it is held back.
        if (!this.#handleKept()) return at
        continue
      }
      if (at === end) return at
      const part = Math.min(missing, end - at)
      this.#keep(bytes, at, at + part)
      at += part
    }
    return at
  }

  /** False when nothing was handled. */
  #handleKept(): boolean {
    const before = this.#start
    this.#start = this.#handle(this.#kept, this.#start, this.#end)
    const isMoved = this.#start !== before
    this.#shrink()
    return isMoved
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from
    if (this.#end + count > this.#kept.length) this.#makeRoom(count)
    if (count <= loopBytes) {
      for (let i = from; i < to; i++) this.#kept[this.#end++] = bytes[i] as number
    } else {
      this.#kept.set(bytes.subarray(from, to), this.#end)
      this.#end += count
    }
  }

  #makeRoom(count: number): void {
    const kept = this.keptBytes
    const needed = kept + count
    const isEnough = needed <= this.#kept.length
    const larger = isEnough ? this.#kept : new Uint8Array(Math.max(leastKeptBytes, needed * 2))
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
    if (this.#kept.length > mostSpareBytes) this.#kept = new Uint8Array(0)
  }
}
