/** A growing buffer that encoders write to; used again for one message after another. */

const encoder = new TextEncoder()
const leastBytes = 1_024
/** A buffer that one large message made larger is given up at the next `clear`. */
const spareBytesMost = 262_144

export class ByteSink {
  bytes = new Uint8Array(leastBytes)
  length = 0

  clear(): void {
    this.length = 0
    if (this.bytes.length > spareBytesMost) this.bytes = new Uint8Array(leastBytes)
  }

  /** Makes room for `count` bytes; returns where they begin. They count as written. */
  reserve(count: number): number {
    const at = this.length
    const needed = at + count
    if (needed > this.bytes.length) this.#grow(needed)
    this.length = needed
    return at
  }

  byte(value: number): void {
    const at = this.reserve(1)
    this.bytes[at] = value
  }

  append(source: Uint8Array, start = 0, end = source.length): void {
    const at = this.reserve(end - start)
    const { bytes } = this
    if (end - start < 24) {
      for (let i = start, to = at; i < end; i++, to++) bytes[to] = source[i] as number
    } else
      bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
  }

  /** Text in UTF-8; half surrogate pairs become U+FFFD. Returns how many bytes. */
  text(value: string): number {
    const { length } = value
    const at = this.reserve(length * 3)
    const { bytes } = this
    let i = 0
    for (; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) break
      bytes[at + i] = code
    }
    const rest =
      i === length ? 0 : encoder.encodeInto(value.slice(i), bytes.subarray(at + i)).written
    this.length = at + i + rest
    return i + rest
  }

  /** Characters that are bytes: ASCII. */
  ascii(value: string): void {
    const at = this.reserve(value.length)
    const { bytes } = this
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i)
  }

  /** What was written, as bytes of their own. */
  toBytes(): Uint8Array {
    const copy = new Uint8Array(this.length)
    copy.set(this.bytes.subarray(0, this.length))
    return copy
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes)
    this.bytes = larger
  }
}
