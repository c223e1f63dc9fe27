/**
 * Writes the records of live traffic: varints, texts and bytes with their length, into one block that is used
 * again for every record.
 */

const encoder = new TextEncoder()

export class ByteWriter {
  #block = new Uint8Array(1_024)
  #length = 0

  get length(): number {
    return this.#length
  }

  reset(): this {
    this.#length = 0
    return this
  }

  /** What was written: valid until the writer is used again. */
  view(): Uint8Array {
    return this.#block.subarray(0, this.#length)
  }

  byte(value: number): this {
    this.#reserve(1)
    this.#block[this.#length++] = value
    return this
  }

  /** @param value a safe integer, 0 or more */
  number(value: number): this {
    this.#reserve(8)
    while (value > 0x7f) {
      this.#block[this.#length++] = (value % 128) | 0x80
      value = Math.floor(value / 128)
    }
    this.#block[this.#length++] = value
    return this
  }

  text(value: string): this {
    // ASCII up to 127 units has one byte of length; everything else is measured by encoding it.
    const most = value.length * 3
    this.#reserve(most + 8)
    if (most <= 0x7f) {
      const { written } = encoder.encodeInto(value, this.#block.subarray(this.#length + 1))
      this.#block[this.#length] = written
      this.#length += written + 1
      return this
    }
    return this.bytes(encoder.encode(value))
  }

  /** With its length before it. */
  bytes(value: Uint8Array): this {
    this.number(value.length)
    return this.raw(value, 0, value.length)
  }

  /** `bytes[start..end)` as it is. */
  raw(bytes: Uint8Array, start: number, end: number): this {
    this.#reserve(end - start)
    this.#block.set(
      start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end),
      this.#length,
    )
    this.#length += end - start
    return this
  }

  texts(map: ReadonlyMap<string, string>): this {
    this.number(map.size)
    for (const [key, value] of map) this.text(key).text(value)
    return this
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#block.length) return
    const block = new Uint8Array(Math.max(this.#block.length * 2, this.#length + bytes))
    block.set(this.#block.subarray(0, this.#length))
    this.#block = block
  }
}
