/**
 * Values of rows: a few numbers and texts, a version in front, a checksum behind. Numbers are varints
 * of seven bits a byte, up to 2^53-1; texts are preceded by their length, never separated by signs.
 */

import { crc32 } from '../base/crc32.ts'
import { utf8Length } from '../model/name.ts'

/** A byte order mark is a character like any other here. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class RowWriter {
  #bytes: Buffer
  #length = 1

  /** @param version of this kind of row; readers refuse to guess at others */
  constructor(version: number, expectedBytes = 64) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + 5)
    this.#bytes[0] = version
  }

  get length(): number {
    return this.#length
  }

  number(value: number): this {
    this.#reserve(8)
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80
    }
    this.#bytes[this.#length++] = rest
    return this
  }

  text(value: string): this {
    const length = utf8Length(value)
    this.number(length)
    this.#reserve(length)
    this.#bytes.write(value, this.#length, 'utf8')
    this.#length += length
    return this
  }

  bytes(value: Uint8Array): this {
    this.number(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** The value; the writer is used up. */
  finish(): Uint8Array {
    this.#reserve(4)
    const crc = crc32(this.#bytes, 0, this.#length, 0)
    return this.#bytes.subarray(0, this.#bytes.writeUInt32LE(crc, this.#length))
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Reads what a `RowWriter` of the same version wrote. */
export class RowReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #position = 1

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#end = bytes.length - 4
  }

  /** Undefined when the value is damaged or of another version. */
  static open(value: Uint8Array, version: number): RowReader | undefined {
    const end = value.length - 4
    if (end < 1 || value[0] !== version) return undefined
    const stored = new DataView(value.buffer, value.byteOffset + end, 4).getUint32(0, true)
    return crc32(value, 0, end, 0) === stored ? new RowReader(value) : undefined
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#end
  }

  number(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.#position++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  text(): string {
    return decoder.decode(this.bytes())
  }

  /** A view. */
  bytes(): Uint8Array {
    const length = this.number()
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }
}

const rangeVersion = 1

/** The value of a row whose key is the begin of a range of heads; Infinity has no number of its own. */
export function encodeRangeEnd(to: number): Uint8Array {
  return new RowWriter(rangeVersion, 8).number(to === Infinity ? 0 : to).finish()
}

export function decodeRangeEnd(value: Uint8Array): number | undefined {
  const to = RowReader.open(value, rangeVersion)?.number()
  return to === 0 ? Infinity : to
}
