/**
 * A name and a payload in one block, as the live operations of the bus take them: decoding gave us the
 * name as text, and the bus wants its UTF-8. The block is used again for every message, since whoever
 * receives it copies what it keeps.
 */

/** A larger block is given back after use. */
const keptBytes = 1_048_576

export class NamedBytes {
  #block: Buffer = Buffer.allocUnsafe(8_192)
  #name = ''
  #nameEnd = 0

  /** What the last `put` placed: the name from 0 to `nameEnd`, the payload from there to `end`. */
  get bytes(): Uint8Array {
    return this.#block
  }

  get nameEnd(): number {
    return this.#nameEnd
  }

  /** Returns where the payload ends. */
  put(name: string, payload: Uint8Array): number {
    // At most three bytes per UTF-16 unit.
    const needed = 3 * name.length + payload.length
    const { length } = this.#block
    if (needed > length || (length > keptBytes && needed <= keptBytes)) {
      this.#block = Buffer.allocUnsafe(Math.max(needed, Math.min(2 * length, keptBytes)))
      this.#name = ''
    }
    // Messages often come in a row for the same name.
    if (name !== this.#name || name === '') {
      this.#nameEnd = this.#block.write(name, 0)
      this.#name = name
    }
    this.#block.set(payload, this.#nameEnd)
    return this.#nameEnd + payload.length
  }
}

/** For all streams: the bus is done with it when its call returns. */
export const namedBytes = new NamedBytes()
