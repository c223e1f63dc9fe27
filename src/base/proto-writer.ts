/**
 * Writes Protocol Buffers (proto3) into one growing block that is used again for every message, so
 * that encoding allocates nothing but the result. Runs in Node.js and browsers.
 *
 * The length of a nested message is known only when it is written. Instead of measuring everything
 * first, `begin` leaves as many bytes as the previous message of that kind needed for its length;
 * `end` moves the content only when that guess was wrong, which in a steady flow it never is.
 */

/** Longest varint. */
const maxVarintBytes = 10
/** Above this capacity the block is given back after use, so one large message does not stay. */
const keptBlockBytes = 1_048_576

const textEncoder = new TextEncoder()

/** Node's allocator takes small buffers from a pool, which is several times cheaper. */
const allocate: (length: number) => Uint8Array =
  (globalThis as { Buffer?: { allocUnsafe(this: void, length: number): Uint8Array } }).Buffer
    ?.allocUnsafe ?? ((length) => new Uint8Array(length))

export class ProtoWriter {
  #block = allocate(8_192)
  #position = 0

  /** Forgets what was written. */
  reset(): void {
    this.#position = 0
    if (this.#block.length > keptBlockBytes) this.#block = allocate(8_192)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#position
  }

  /** A copy of what was written; in Node.js a Buffer. */
  finish(): Uint8Array {
    const bytes = allocate(this.#position)
    bytes.set(this.#block.subarray(0, this.#position))
    return bytes
  }

  /** What was written, without copying: valid until the writer is used again. In Node.js a Buffer. */
  view(): Uint8Array {
    return this.#block.subarray(0, this.#position)
  }

  /** @param tag field number << 3 | wire type, as in every method here */
  bool(tag: number, value: boolean): void {
    this.#reserve(maxVarintBytes)
    this.#varint32(tag)
    this.#block[this.#position++] = value ? 1 : 0
  }

  /** @throws RangeError unless `value` is an integer from 0 to 2^32-1 */
  uint32(tag: number, value: number): void {
    if (value >>> 0 !== value) throw new RangeError(`not a uint32: ${value}`)
    this.#reserve(maxVarintBytes)
    this.#varint32(tag)
    this.#varint32(value)
  }

  /**
   * Numbers above 2^53-1 (Infinity too) mean "no bound" and are written as 2^64-1.
   * @throws RangeError for fractions, negative numbers and NaN
   */
  uint64(tag: number, value: number): void {
    this.#reserve(2 * maxVarintBytes)
    this.#varint32(tag)
    this.#varint64(value)
  }

  /** Text as UTF-8; a lone surrogate becomes U+FFFD. */
  string(tag: number, value: string): void {
    const units = value.length
    // At most three bytes per UTF-16 unit.
    this.#reserve(maxVarintBytes + 3 * units)
    this.#varint32(tag)
    if (units > 64 || !this.#shortAscii(value, units)) this.#text(value, units)
  }

  bytes(tag: number, value: Uint8Array): void {
    this.#reserve(maxVarintBytes + value.length)
    this.#varint32(tag)
    this.#varint32(value.length)
    this.#block.set(value, this.#position)
    this.#position += value.length
  }

  /** A field `map<string, string>`. */
  stringMap(tag: number, value: ReadonlyMap<string, string>): void {
    for (const [key, text] of value) {
      const start = this.begin(tag, 1)
      if (key !== '') this.string(0x0a, key)
      if (text !== '') this.string(0x12, text)
      this.end(start, 1)
    }
  }

  /** A packed field of booleans. */
  packedBools(tag: number, values: readonly boolean[]): void {
    this.#reserve(maxVarintBytes + values.length)
    this.#varint32(tag)
    this.#varint32(values.length)
    for (const value of values) this.#block[this.#position++] = value ? 1 : 0
  }

  /**
   * Begins a nested message.
   * @param width what `end` returned for the previous message of this kind; 1 at first
   * @returns where its content starts, for `end`
   */
  begin(tag: number, width: number): number {
    this.#reserve(maxVarintBytes)
    this.#varint32(tag)
    this.#position += width
    return this.#position
  }

  /** Ends the nested message that `begin` started; returns the width its length needed. */
  end(start: number, width: number): number {
    const length = this.#position - start
    const needed = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4
    const finish = this.#position + needed - width
    if (needed !== width) {
      this.#reserve(maxVarintBytes)
      this.#block.copyWithin(start + needed - width, start, this.#position)
    }
    this.#position = start - width
    this.#varint32(length)
    this.#position = finish
    return needed
  }

  #reserve(bytes: number): void {
    if (this.#position + bytes > this.#block.length) this.#grow(bytes)
  }

  #grow(bytes: number): void {
    const block = allocate(Math.max(this.#block.length * 2, this.#position + bytes))
    block.set(this.#block.subarray(0, this.#position))
    this.#block = block
  }

  #varint32(value: number): void {
    while (value > 0x7f) {
      this.#block[this.#position++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#block[this.#position++] = value
  }

  #varint64(value: number): void {
    if (value >>> 0 === value) {
      this.#varint32(value)
      return
    }
    if (value > Number.MAX_SAFE_INTEGER) {
      this.#block.fill(0xff, this.#position, this.#position + 9)
      this.#position += 9
      this.#block[this.#position++] = 1
      return
    }
    if (value < 0 || !Number.isInteger(value)) throw new RangeError(`not a uint64: ${value}`)
    while (value > 0xffff_ffff) {
      this.#block[this.#position++] = (value & 0x7f) | 0x80
      value = Math.floor(value / 128)
    }
    this.#varint32(value)
  }

  /** Length and text, when all of it is ASCII and at most 64 units; otherwise nothing and false. */
  #shortAscii(value: string, units: number): boolean {
    const block = this.#block
    const start = this.#position + 1
    for (let i = 0; i < units; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      block[start + i] = unit
    }
    block[this.#position] = units
    this.#position = start + units
    return true
  }

  #text(value: string, units: number): void {
    const width = units < 0x80 ? 1 : units < 0x4000 ? 2 : units < 0x20_0000 ? 3 : 4
    const start = this.#position + width
    const { written } = textEncoder.encodeInto(value, this.#block.subarray(start))
    this.#position = start + written
    this.end(start, width)
  }
}

/** A message to encode: any field may be left out and stands for its default then. */
export type ProtoInit<T> = { readonly [K in keyof T]?: ProtoInitField<T[K]> | undefined }

type ProtoInitField<F> = F extends
  string | number | boolean | undefined | Uint8Array | ReadonlyMap<string, string>
  ? F
  : F extends readonly (infer Item)[]
    ? readonly ProtoInitField<Item>[]
    : F extends { readonly case: infer Case; readonly value: infer Value }
      ? { readonly case: Case; readonly value: ProtoInitField<Value> }
      : ProtoInit<F>
