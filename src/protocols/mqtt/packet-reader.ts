/**
 * Reads the fields of one packet (MQTT 5.0 section 1.5). Whatever runs past the end of the packet, or is not what its
 * type allows, is a malformed packet.
 */

import { copyOf } from '../../base/copy-of.ts'
import { malformed } from './packets.ts'
import { isName, isText, textOf } from './text.ts'

export class PacketReader {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0

  /** Reads `bytes[at..end)` from now on. */
  open(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  byte(): number {
    if (this.at >= this.end) throw malformed('a packet ends in the middle of a field')
    return this.bytes[this.at++] as number
  }

  /** 16 bits, high byte first. */
  short(): number {
    return this.byte() * 0x100 + this.byte()
  }

  /** 32 bits, high byte first. */
  long(): number {
    return this.short() * 0x1_0000 + this.short()
  }

  /** A variable byte integer in its shortest form. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('a length has more bytes than it needs')
        return value
      }
    }
    throw malformed('a length has more than four bytes')
  }

  /** Steps over bytes with a length of 16 bits in front; returns where they begin, they end at `at`. */
  skipBinary(): number {
    const length = this.short()
    const start = this.at
    if (length > this.left) throw malformed('a field runs past the end of its packet')
    this.at += length
    return start
  }

  /** Bytes with a length in front, copied. */
  binary(): Uint8Array {
    const start = this.skipBinary()
    return copyOf(this.bytes, start, this.at)
  }

  text(): string {
    const start = this.skipBinary()
    if (!isText(this.bytes, start, this.at)) throw malformed('a text is not well-formed UTF-8')
    return textOf(this.bytes, start, this.at)
  }

  /** A text that may be a name. */
  name(): string {
    const start = this.skipBinary()
    if (!isName(this.bytes, start, this.at)) throw malformed('a name is not well formed')
    return textOf(this.bytes, start, this.at)
  }

  /** @throws MqttError when something is left */
  requireEnd(): void {
    if (this.at !== this.end) throw malformed(`${this.left} bytes are left at the end of a packet`)
  }
}
