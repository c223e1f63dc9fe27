/**
 * Reads Protocol Buffers (proto3) from one block. Strict where peers must agree (valid UTF-8, lengths
 * inside the enclosing message, closed groups), lenient where the format says so (unknown fields are
 * skipped, over-long varints accepted). Runs in Node.js and browsers.
 */

/** The bytes are not a message of the expected shape. Nothing else is thrown by decoding. */
export class ProtoDecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtoDecodeError'
  }
}

/** Shared by all messages without the field. Never written to. */
export const emptyBytes = new Uint8Array(0)
/** Shared by all messages without the field. Never written to. */
export const emptyStringMap: ReadonlyMap<string, string> = new Map()

/** Groups are obsolete and never ours; only what unknown fields may hold is bounded. */
const maxGroupDepth = 32
/** Up to here a scan for non-ASCII bytes is cheaper than the general decoder. */
const shortTextBytes = 64

// `ignoreBOM` keeps U+FEFF as the character it is.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string

/** Node's native slice is twice as fast as any decoder for short ASCII. */
const nodeLatin1Slice = (globalThis as { Buffer?: { prototype: { latin1Slice?: Latin1Slice } } })
  .Buffer?.prototype.latin1Slice

export class ProtoReader {
  readonly #bytes: Uint8Array
  #position = 0

  /** Views handed out by `bytes` share the memory of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get position(): number {
    return this.#position
  }

  /** Field number << 3 | wire type of the next field. */
  tag(): number {
    const first = this.#bytes[this.#position]
    if (first !== undefined && first >= 8 && first < 0x80) {
      this.#position += 1
      return first
    }
    const tag = this.#varint32()
    if (tag >>> 3 === 0) throw new ProtoDecodeError('field number 0')
    return tag
  }

  bool(): boolean {
    return this.uint64() !== 0
  }

  /** The low 32 bits of a varint. */
  uint32(): number {
    return this.#varint32()
  }

  /** A varint; what is above 2^53-1 comes as Number.MAX_SAFE_INTEGER. */
  uint64(): number {
    const bytes = this.#bytes
    let position = this.#position
    let value = 0
    let factor = 1
    for (let i = 0; i < 10; i++) {
      const byte = bytes[position++]
      if (byte === undefined) throw truncated()
      // Only bit 63 of the last byte counts; what is above is dropped as everywhere.
      value += (i === 9 ? byte & 1 : byte & 0x7f) * factor
      if (byte < 0x80) {
        this.#position = position
        return value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : value
      }
      factor *= 128
    }
    throw new ProtoDecodeError('varint longer than 10 bytes')
  }

  /** Length-prefixed UTF-8. @throws ProtoDecodeError when it is not valid */
  string(end: number): string {
    const stop = this.#stop(end)
    const start = this.#position
    this.#position = stop
    if (start === stop) return ''
    const bytes = this.#bytes
    if (nodeLatin1Slice !== undefined && stop - start <= shortTextBytes) {
      let bits = 0
      for (let i = start; i < stop; i++) bits |= bytes[i]!
      if (bits < 0x80) return nodeLatin1Slice.call(bytes, start, stop)
    }
    try {
      return strictUtf8.decode(bytes.subarray(start, stop))
    } catch {
      throw new ProtoDecodeError('string is not valid UTF-8')
    }
  }

  /** Length-prefixed bytes: a view, not a copy. */
  bytes(end: number): Uint8Array {
    const stop = this.#stop(end)
    const start = this.#position
    this.#position = stop
    if (start === stop) return emptyBytes
    // Not `subarray`: of a Buffer that would be a Buffer.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, stop - start)
  }

  /** The end of a nested message that starts here. */
  nested(end: number): number {
    return this.#stop(end)
  }

  /** Adds one entry of a field `map<string, string>`; the last of equal keys wins. */
  mapEntry(end: number, map: Map<string, string>): void {
    const stop = this.#stop(end)
    let key = ''
    let value = ''
    while (this.#position < stop) {
      const tag = this.tag()
      if (tag === 0x0a) key = this.string(stop)
      else if (tag === 0x12) value = this.string(stop)
      else this.skip(tag, stop)
    }
    this.check(stop)
    map.set(key, value)
  }

  /** A message must end exactly where its length said. */
  check(end: number): void {
    if (this.#position !== end) throw truncated()
  }

  /** Passes over a field nobody knows. */
  skip(tag: number, end: number): void {
    this.#skip(tag, end, 0)
  }

  #skip(tag: number, end: number, depth: number): void {
    switch (tag & 7) {
      case 0:
        this.uint64()
        break
      case 1:
        this.#position += 8
        break
      case 2:
        this.#position = this.#stop(end)
        break
      case 3:
        this.#skipGroup(tag, end, depth)
        break
      case 5:
        this.#position += 4
        break
      default:
        throw new ProtoDecodeError(`unexpected wire type ${tag & 7}`)
    }
    if (this.#position > end) throw truncated()
  }

  #skipGroup(opening: number, end: number, depth: number): void {
    if (depth >= maxGroupDepth) throw new ProtoDecodeError('groups nested too deep')
    for (;;) {
      if (this.#position >= end) throw truncated()
      const tag = this.tag()
      if ((tag & 7) !== 4) {
        this.#skip(tag, end, depth + 1)
        continue
      }
      if (tag >>> 3 !== opening >>> 3) throw new ProtoDecodeError('group ends with another number')
      return
    }
  }

  /** Reads a length and returns where what it measures ends. */
  #stop(end: number): number {
    const bytes = this.#bytes
    const first = bytes[this.#position]
    let length: number
    if (first !== undefined && first < 0x80) {
      this.#position += 1
      length = first
    } else {
      length = this.uint64()
    }
    const stop = this.#position + length
    if (stop > end) throw truncated()
    return stop
  }

  #varint32(): number {
    const bytes = this.#bytes
    let position = this.#position
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[position++]
      if (byte === undefined) throw truncated()
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#position = position
        return value >>> 0
      }
    }
    throw new ProtoDecodeError('varint longer than 10 bytes')
  }
}

function truncated(): ProtoDecodeError {
  return new ProtoDecodeError('message is cut short')
}
