/**
 * Reads the records of live traffic from bytes of another daemon. Everything is checked against the end of the record;
 * what does not fit is a `ProtocolError`, and nothing else is thrown.
 */

import { ProtocolError } from '../../model/errors.ts'
import { type Headers, noHeaders } from '../../model/message.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const mostHeaders = 4_096

export class ByteReader {
  readonly bytes: Uint8Array
  position: number
  readonly end: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  get isAtEnd(): boolean {
    return this.position === this.end
  }

  byte(): number {
    if (this.position >= this.end) throw tooShort()
    return this.bytes[this.position++] as number
  }

  /** A safe integer. */
  number(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw new ProtocolError('a number is too large')
      if (byte < 0x80) return value
      if (factor > 2 ** 49) throw new ProtocolError('a number is too long')
    }
  }

  /** Skips bytes that have their length before them; they are `bytes[start..position)` then. Returns `start`. */
  skip(): number {
    const length = this.number()
    const start = this.position
    if (length > this.end - start) throw tooShort()
    this.position = start + length
    return start
  }

  text(): string {
    const start = this.skip()
    return this.#decode(start, this.position)
  }

  /** The rest, as text. */
  restText(): string {
    return this.#decode(this.position, this.end)
  }

  texts(): Headers {
    const count = this.number()
    if (count === 0) return noHeaders
    if (count > mostHeaders) throw new ProtocolError('too many headers')
    const map = new Map<string, string>()
    for (let i = 0; i < count; i++) {
      const key = this.text()
      map.set(key, this.text())
    }
    return map
  }

  /** The rest, copied. */
  rest(): Uint8Array {
    const rest = new Uint8Array(this.bytes.subarray(this.position, this.end))
    this.position = this.end
    return rest
  }

  #decode(start: number, end: number): string {
    try {
      return decoder.decode(this.bytes.subarray(start, end))
    } catch {
      throw new ProtocolError('a text is not UTF-8')
    }
  }
}

function tooShort(): ProtocolError {
  return new ProtocolError('a record ends too early')
}
