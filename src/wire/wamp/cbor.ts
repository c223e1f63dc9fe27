/**
 * CBOR of WAMP (spec/wamp 5; RFC 8949). Lists, maps and strings of unknown length and numbers of any width are taken;
 * definite lengths and the shortest integers are written. Tags 2 and 3 are integers, other tags stay what they are. A
 * length larger than what is left fails before anything is allocated.
 */

import { copyOf } from '../../base/copy-of.ts'
import { ProtocolError } from '../../model/errors.ts'
import type { ByteSink } from './byte-sink.ts'
import { elementsMost, type Serializer, type Spans, type ValueKind } from './serializer.ts'
import { formatTime } from './time-text.ts'
import { decodeUtf8, isUtf8 } from './utf8.ts'
import {
  floatValue,
  integerValue,
  WampExtension,
  WampFloat,
  type WampInput,
  WampTag,
  WampTime,
  type WampValue,
} from './value.ts'

/** Nesting in arguments (spec/wamp 5.1). */
const depthMost = 512
const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6, simple: 7 }
const breakByte = 0xff
/** Of tags 2 and 3; what is longer stays octets. */
const integerBytesMost = 1_024
/** Additional information that stands for a length that is not known yet. */
const indefinite = 31
const scratch = new DataView(new ArrayBuffer(8))
const encoder = new TextEncoder()

class CborSerializer implements Serializer {
  readonly name = 'cbor'
  readonly subprotocol = 'wamp.2.cbor'
  readonly rawSocketNumber = 3
  readonly isText = false
  readonly mediaType = 'application/cbor'

  split(bytes: Uint8Array, start: number, end: number, spans: Spans): void {
    const head = start < end ? headAt(bytes, start, end) : undefined
    if (head?.major !== major.list) throw new ProtocolError('a message is a list')
    const { size, isIndefinite } = head
    let { at } = head
    let count = 0
    for (; isIndefinite ? !isBreak(bytes, at, end) : count < size; count++) {
      if (count === elementsMost) throw new ProtocolError('a message with too many elements')
      spans.at[2 * count] = at
      at = skipValue(bytes, at, end, 1)
      spans.at[2 * count + 1] = at
    }
    if (isIndefinite) at += 1
    if (count === 0) throw new ProtocolError('an empty message')
    if (at !== end) throw new ProtocolError('octets behind the message')
    spans.count = count
  }

  kindAt(bytes: Uint8Array, start: number): ValueKind {
    const first = bytes[start] as number
    switch (first >> 5) {
      case major.unsigned:
      case major.negative:
        return 'integer'
      case major.bytes:
        return 'binary'
      case major.text:
        return 'text'
      case major.list:
        return 'list'
      case major.map:
        return 'map'
      default:
        return first >= 0xf9 && first <= 0xfb ? 'integer' : 'other'
    }
  }

  integerAt(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start] as number
    if (first <= 0x17) return first
    if (this.kindAt(bytes, start) !== 'integer') return NaN
    const value = this.decode(bytes, start, end)
    const number =
      value instanceof WampFloat ? value.value : typeof value === 'bigint' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number)) return NaN
    return Math.abs(number) <= 2 ** 53 ? number : NaN
  }

  contentAt(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    const { major: kind, at, isIndefinite } = headAt(bytes, start, end)
    if ((kind !== major.text && kind !== major.bytes) || isIndefinite) return false
    spans.at[2] = at
    spans.at[3] = end
    return true
  }

  textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.kindAt(bytes, start) !== 'text') return undefined
    const value = this.decode(bytes, start, end)
    return typeof value === 'string' ? value : undefined
  }

  dictAt(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): ReadonlyMap<string, WampValue> | undefined {
    if (this.kindAt(bytes, start) !== 'map') return undefined
    const value = this.decode(bytes, start, end)
    const dict = new Map<string, WampValue>()
    if (!(value instanceof Map)) return undefined
    for (const [key, item] of value) {
      if (typeof key !== 'string') return undefined
      if (item !== null) dict.set(key, item)
    }
    return dict
  }

  isEmptyAt(bytes: Uint8Array, start: number, end: number): boolean {
    const { size, isIndefinite, at } = headAt(bytes, start, end)
    return isIndefinite ? isBreak(bytes, at, end) : size === 0
  }

  isSingle(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    const { size, at, isIndefinite } = headAt(bytes, start, end)
    if (isIndefinite) {
      if (isBreak(bytes, at, end)) return false
      const to = skipValue(bytes, at, end, 1)
      spans.at[0] = at
      spans.at[1] = to
      return to === end - 1
    }
    if (size !== 1) return false
    spans.at[0] = at
    spans.at[1] = end
    return true
  }

  decode(bytes: Uint8Array, start: number, end: number): WampValue {
    const reader = new CborReader(bytes, start, end)
    const value = reader.value(0)
    if (reader.at !== end) throw new ProtocolError('octets behind the value')
    return value
  }

  encode(sink: ByteSink, value: WampInput): void {
    writeValue(sink, value)
  }

  beginList(sink: ByteSink, count: number): void {
    writeHead(sink, major.list, count)
  }

  separate(): void {
    // Nothing stands between elements.
  }

  endList(): void {
    // The count said where it ends.
  }
}

export const cbor: Serializer = new CborSerializer()

interface Head {
  major: number
  /** Additional information of the first octet. */
  info: number
  /** Value, length or count; for 64 bits rounded, see `bits64`. */
  size: number
  isIndefinite: boolean
  at: number
}

/** Used again by the next call. */
const head: Head = { major: 0, info: 0, size: 0, isIndefinite: false, at: 0 }

function headAt(bytes: Uint8Array, from: number, end: number): Head {
  if (from >= end) throw truncated()
  const first = bytes[from] as number
  const info = first & 0x1f
  head.major = first >> 5
  head.info = info
  head.isIndefinite = false
  head.at = from + 1
  if (info < 24) {
    head.size = info
    return head
  }
  if (info < 28) {
    const width = 1 << (info - 24)
    if (head.at + width > end) throw truncated()
    let size = 0
    for (let i = 0; i < width; i++) size = size * 256 + (bytes[head.at + i] as number)
    head.size = size
    head.at += width
    return head
  }
  const mayBeIndefinite = head.major >= major.bytes && head.major <= major.map
  if (info !== indefinite || !mayBeIndefinite) throw new ProtocolError('a head CBOR does not have')
  head.size = 0
  head.isIndefinite = true
  return head
}

function truncated(): ProtocolError {
  return new ProtocolError('CBOR that is cut off')
}

function isBreak(bytes: Uint8Array, at: number, end: number): boolean {
  if (at >= end) throw truncated()
  return bytes[at] === breakByte
}

/** Checks the value at `from`; returns where it ends. Recursion is bounded by the depth. */
function skipValue(bytes: Uint8Array, from: number, end: number, depth: number): number {
  const { major: kind, size, at, isIndefinite, info } = headAt(bytes, from, end)
  switch (kind) {
    case major.unsigned:
    case major.negative:
      return at
    case major.bytes:
    case major.text:
      return isIndefinite
        ? skipChunks(bytes, at, end, kind)
        : skipString(bytes, at, end, kind, size)
    case major.list:
    case major.map:
      if (depth >= depthMost) throw tooDeep()
      return skipItems(
        bytes,
        at,
        end,
        depth + 1,
        isIndefinite ? -1 : size,
        kind === major.map ? 2 : 1,
      )
    case major.tag:
      if (depth >= depthMost) throw tooDeep()
      return skipTagged(bytes, at, end, depth, size)
    default:
      // Below 32, a value in two octets is another's.
      if (info === 24 && size < 32) throw new ProtocolError('a simple value in two octets')
      return at
  }
}

/**
 * @param count negative: until the break
 * @param each values that make one of them
 */
function skipItems(
  bytes: Uint8Array,
  from: number,
  end: number,
  depth: number,
  count: number,
  each: number,
): number {
  let at = from
  if (count < 0) {
    while (!isBreak(bytes, at, end)) {
      for (let i = 0; i < each; i++) at = skipValue(bytes, at, end, depth)
    }
    return at + 1
  }
  const values = count * each
  if (values > end - at) throw truncated()
  for (let i = 0; i < values; i++) at = skipValue(bytes, at, end, depth)
  return at
}

function tooDeep(): ProtocolError {
  return new ProtocolError('a value nested too deep')
}

/** The integers of tags 2 and 3 are octets, and nothing else. */
function skipTagged(
  bytes: Uint8Array,
  at: number,
  end: number,
  depth: number,
  tag: number,
): number {
  if ((tag === 2 || tag === 3) && at < end && (bytes[at] as number) >> 5 !== major.bytes) {
    throw new ProtocolError('a large integer that is no octets')
  }
  return skipValue(bytes, at, end, depth + 1)
}

function skipString(bytes: Uint8Array, at: number, end: number, kind: number, size: number) {
  const to = at + size
  if (to > end) throw truncated()
  if (kind === major.text && !isUtf8(bytes, at, to))
    throw new ProtocolError('text that is not UTF-8')
  return to
}

/** Pieces of a string of unknown length: each is whole, of the same kind and of a known length. */
function skipChunks(bytes: Uint8Array, from: number, end: number, kind: number): number {
  let at = from
  while (!isBreak(bytes, at, end)) {
    const chunk = headAt(bytes, at, end)
    if (chunk.major !== kind || chunk.isIndefinite)
      throw new ProtocolError('a string of mixed pieces')
    at = skipString(bytes, chunk.at, end, kind, chunk.size)
  }
  return at + 1
}

class CborReader {
  at: number
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.#end = end
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  value(depth: number): WampValue {
    const { major: kind, info, size, at, isIndefinite } = headAt(this.#bytes, this.at, this.#end)
    this.at = at
    switch (kind) {
      case major.unsigned:
        return info === 27 ? integerValue(this.#bits64()) : size
      case major.negative:
        return info === 27 ? integerValue(-1n - this.#bits64()) : -1 - size
      case major.bytes:
      case major.text:
        return isIndefinite ? this.#chunks(kind) : this.#string(kind, size)
      case major.list:
      case major.map:
        if (depth >= depthMost) throw tooDeep()
        if (!isIndefinite && size > this.#end - at) throw truncated()
        return this.#items(kind, isIndefinite ? Infinity : size, depth + 1)
      case major.tag:
        if (depth >= depthMost) throw tooDeep()
        return this.#tagged(info === 27 ? integerValue(this.#bits64()) : size, depth + 1)
      default:
        return this.#simple(info, size)
    }
  }

  /** The 64 bits that were just passed. */
  #bits64(): bigint {
    return this.#view.getBigUint64(this.at - 8)
  }

  #string(kind: number, size: number): WampValue {
    const from = this.at
    const to = from + size
    if (to > this.#end) throw truncated()
    this.at = to
    return kind === major.text ? decodeUtf8(this.#bytes, from, to) : copyOf(this.#bytes, from, to)
  }

  #chunks(kind: number): WampValue {
    const from = this.at
    const to = skipChunks(this.#bytes, from, this.#end, kind)
    const joined = new Uint8Array(to - from)
    let length = 0
    for (let at = from; at < to - 1;) {
      const chunk = headAt(this.#bytes, at, to)
      joined.set(this.#bytes.subarray(chunk.at, chunk.at + chunk.size), length)
      length += chunk.size
      at = chunk.at + chunk.size
    }
    this.at = to
    return kind === major.text ? decodeUtf8(joined, 0, length) : joined.slice(0, length)
  }

  /** @param count Infinity: until the break */
  #items(kind: number, count: number, depth: number): WampValue {
    const items: WampValue[] = []
    const map = new Map<WampValue, WampValue>()
    for (let i = 0; i < count; i++) {
      if (count === Infinity && isBreak(this.#bytes, this.at, this.#end)) {
        this.at += 1
        break
      }
      const item = this.value(depth)
      if (kind === major.list) items.push(item)
      else map.set(item, this.value(depth))
    }
    return kind === major.list ? items : map
  }

  #tagged(tag: number | bigint, depth: number): WampValue {
    const value = this.value(depth)
    if (tag !== 2 && tag !== 3) return new WampTag(tag, value)
    if (!(value instanceof Uint8Array)) throw new ProtocolError('a large integer that is no octets')
    // Nobody calculates with it, and as digits it would take time by the square of its length.
    if (value.length > integerBytesMost) return new WampTag(tag, value)
    const integer = value.length === 0 ? 0n : BigInt(`0x${hexOf(value)}`)
    return integerValue(tag === 2 ? integer : -1n - integer)
  }

  #simple(info: number, size: number): WampValue {
    switch (info) {
      case 20:
        return false
      case 21:
        return true
      case 25:
        return floatValue(halfFloat(size))
      case 26:
        return floatValue(this.#view.getFloat32(this.at - 4))
      case 27:
        return floatValue(this.#view.getFloat64(this.at - 8))
      case 24:
        if (size < 32) throw new ProtocolError('a simple value in two octets')
        return null
      default:
        // null, undefined, and values nobody has given a meaning to.
        return null
    }
  }
}

function hexOf(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function writeValue(sink: ByteSink, value: WampInput): void {
  if (typeof value === 'string') writeText(sink, value)
  else if (typeof value === 'number') writeNumber(sink, value)
  else if (typeof value === 'boolean') sink.byte(value ? 0xf5 : 0xf4)
  else if (typeof value === 'bigint') writeBigInteger(sink, value)
  else if (value === undefined) sink.byte(0xf6)
  else writeObject(sink, value)
}

function writeNumber(sink: ByteSink, value: number): void {
  if (!Number.isInteger(value)) writeFloat(sink, value)
  else if (Math.abs(value) > 2 ** 53) writeBigInteger(sink, BigInt(value))
  else if (value >= 0) writeHead(sink, major.unsigned, value)
  else writeHead(sink, major.negative, -1 - value)
}

function writeObject(sink: ByteSink, value: Exclude<WampInput, undefined>): void {
  if (value === null) sink.byte(0xf6)
  else if (Array.isArray(value)) {
    writeHead(sink, major.list, value.length)
    for (const item of value as readonly WampInput[]) writeValue(sink, item)
  } else if (value instanceof Uint8Array) writeBinary(sink, value)
  else if (value instanceof Map) writeEntries(sink, [...value])
  else if (value instanceof WampFloat) writeFloat(sink, value.value)
  else if (value instanceof WampTime) {
    // Tag 0: text holds the nanoseconds, a float would not.
    sink.byte(0xc0)
    writeText(sink, formatTime(value))
  } else if (value instanceof WampExtension) writeBinary(sink, value.bytes)
  else if (value instanceof WampTag) {
    if (typeof value.tag === 'number') writeHead(sink, major.tag, value.tag)
    else writeHead64(sink, major.tag, value.tag)
    writeValue(sink, value.value)
  } else writeEntries(sink, Object.entries(value))
}

function writeEntries(sink: ByteSink, entries: readonly (readonly [WampValue, WampInput])[]): void {
  const present = entries.filter(([, item]) => item !== undefined)
  writeHead(sink, major.map, present.length)
  for (const [key, item] of present) {
    writeValue(sink, key)
    writeValue(sink, item)
  }
}

/** @param size up to 2^53 */
function writeHead(sink: ByteSink, kind: number, size: number): void {
  if (size < 24) {
    sink.byte((kind << 5) | size)
    return
  }
  const step = size <= 0xff ? 0 : size <= 0xffff ? 1 : size <= 0xffff_ffff ? 2 : 3
  const width = 1 << step
  const at = sink.reserve(1 + width)
  const { bytes } = sink
  bytes[at] = (kind << 5) | (24 + step)
  for (let i = width, rest = size; i > 0; i--) {
    bytes[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function writeHead64(sink: ByteSink, kind: number, value: bigint): void {
  scratch.setBigUint64(0, value)
  writeScratch(sink, (kind << 5) | 27)
}

function writeBigInteger(sink: ByteSink, value: bigint): void {
  const isNegative = value < 0n
  const magnitude = isNegative ? -1n - value : value
  if (magnitude <= 0xffff_ffff_ffff_ffffn) {
    if (magnitude <= 2n ** 53n) {
      writeHead(sink, isNegative ? major.negative : major.unsigned, Number(magnitude))
    } else writeHead64(sink, isNegative ? major.negative : major.unsigned, magnitude)
    return
  }
  const digits = magnitude.toString(16)
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  sink.byte(isNegative ? 0xc3 : 0xc2)
  writeHead(sink, major.bytes, even.length / 2)
  for (let i = 0; i < even.length; i += 2) sink.byte(parseInt(even.slice(i, i + 2), 16))
}

function writeFloat(sink: ByteSink, value: number): void {
  scratch.setFloat64(0, value)
  writeScratch(sink, 0xfb)
}

function writeScratch(sink: ByteSink, first: number): void {
  const at = sink.reserve(9)
  sink.bytes[at] = first
  for (let i = 0; i < 8; i++) sink.bytes[at + 1 + i] = scratch.getUint8(i)
}

function writeText(sink: ByteSink, text: string): void {
  const start = sink.length
  sink.byte(0x60)
  const size = sink.text(text)
  if (size < 24) {
    sink.bytes[start] = 0x60 | size
    return
  }
  sink.length = start
  writeHead(sink, major.text, size)
  if (size === text.length) sink.text(text)
  else sink.append(encoder.encode(text))
}

function writeBinary(sink: ByteSink, bytes: Uint8Array): void {
  writeHead(sink, major.bytes, bytes.length)
  sink.append(bytes)
}
