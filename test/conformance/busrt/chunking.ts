/**
 * How the bytes of a case go out: whole, cut once at the same offset of every write, or one by one.
 * A case runs once for each, so that no border between chunks stays untried.
 */

import type { Duplex } from 'node:stream'

export type Cut = 'nowhere' | 'everywhere' | number

/** Offsets tried of a write that is too long to be cut at each. */
const headBytes = 64
const tailBytes = 4

export class Chunking {
  readonly cut: Cut
  #longest = 0

  constructor(cut: Cut) {
    this.cut = cut
  }

  /** Resolves when the bytes are out and the other side had the chance to read each piece alone. */
  async write(socket: Duplex, bytes: Uint8Array): Promise<void> {
    this.#longest = Math.max(this.#longest, bytes.length)
    for (const piece of this.#pieces(bytes)) {
      // A broker may close while the rest of a bad frame is still on its way.
      if (socket.destroyed || socket.writableEnded) return
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
      if (this.cut !== 'nowhere') await turn()
    }
  }

  /** The other ways to run a case whose writes went through this. */
  otherCuts(): Cut[] {
    return this.#longest < 2 ? [] : [...offsets(this.#longest), 'everywhere']
  }

  #pieces(bytes: Uint8Array): Uint8Array[] {
    if (this.cut === 'nowhere' || bytes.length === 0) return [bytes]
    const borders = this.cut === 'everywhere' ? offsets(bytes.length) : [this.cut]
    const ends = [...borders.filter((border) => border < bytes.length), bytes.length]
    return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
  }
}

/** Every offset inside; of long writes the first, the last and some between. */
function offsets(length: number): number[] {
  const all = Array.from({ length: length - 1 }, (_, index) => index + 1)
  if (length <= 4 * headBytes) return all
  return all.filter(
    (offset) =>
      offset <= headBytes || offset >= length - tailBytes || (offset & (offset - 1)) === 0,
  )
}

/**
 * Two passes of the event loop: between them lies a whole poll phase, in which a broker in this
 * process reads what has arrived.
 */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}
