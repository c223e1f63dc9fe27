/**
 * MessagePack of WAMP (spec/wamp 5; msgpack specification of 2013, str and bin apart). Any width of a number is taken,
 * the shortest is written. 64-bit integers stay exact. A length larger than what is left fails before anything is
 * allocated.
 */

import { copyOf } from '../../base/copy-of.ts'
import { ProtocolError } from '../../model/errors.ts'
import type { ByteSink } from './byte-sink.ts'
import { elementsMost, type Serializer, type Spans, type ValueKind } from './serializer.ts'
import { parseTime } from './time-text.ts'
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
const timeType = -1
const scratch = new DataView(new ArrayBuffer(8))
const encoder = new TextEncoder()

class MessagePackSerializer implements Serializer {
  readonly name = 'msgpack'
  readonly subprotocol = 'wamp.2.msgpack'
  readonly rawSocketNumber = 2
  readonly isText = false
  readonly mediaType = 'application/msgpack'

  split(bytes: Uint8Array, start: number, end: number, spans: Spans): void {
    const head = start < end ? headAt(bytes, start, end) : undefined
    if (head?.kind !== 'list') throw new ProtocolError('a message is a list')
    const count = head.size
    if (count === 0) throw new ProtocolError('an empty message')
    if (count > elementsMost) throw new ProtocolError('a message with too many elements')
    let at = head.at
    for (let i = 0; i < count; i++) {
      spans.at[2 * i] = at
      at = skipValue(bytes, at, end, 1)
      spans.at[2 * i + 1] = at
    }
    if (at !== end) throw new ProtocolError('octets behind the message')
    spans.count = count
  }

  kindAt(bytes: Uint8Array, start: number): ValueKind {
    const first = bytes[start] as number
    if (first <= 0x7f || first >= 0xe0) return 'integer'
    if (first <= 0x8f || first === 0xde || first === 0xdf) return 'map'
    if (first <= 0x9f || first === 0xdc || first === 0xdd) return 'list'
    if (first <= 0xbf || (first >= 0xd9 && first <= 0xdb)) return 'text'
    if (first >= 0xc4 && first <= 0xc6) return 'binary'
    return first >= 0xca && first <= 0xd3 ? 'integer' : 'other'
  }

  integerAt(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start] as number
    if (first <= 0x7f) return first
    if (this.kindAt(bytes, start) !== 'integer') return NaN
    const value = this.decode(bytes, start, end)
    const number =
      value instanceof WampFloat ? value.value : typeof value === 'bigint' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number)) return NaN
    return Math.abs(number) <= 2 ** 53 ? number : NaN
  }

  contentAt(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    const { kind, at } = headAt(bytes, start, end)
    if (kind !== 'text' && kind !== 'binary') return false
    spans.at[2] = at
    spans.at[3] = end
    return true
  }

  textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.kindAt(bytes, start) !== 'text') return undefined
    const { at } = headAt(bytes, start, end)
    return decodeUtf8(bytes, at, end)
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
    return headAt(bytes, start, end).size === 0
  }

  isSingle(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    const { size, at } = headAt(bytes, start, end)
    if (size !== 1) return false
    spans.at[0] = at
    spans.at[1] = end
    return true
  }

  decode(bytes: Uint8Array, start: number, end: number): WampValue {
    const reader = new MessagePackReader(bytes, start, end)
    const value = reader.value(0)
    if (reader.at !== end) throw new ProtocolError('octets behind the value')
    return value
  }

  encode(sink: ByteSink, value: WampInput): void {
    writeValue(sink, value)
  }

  beginList(sink: ByteSink, count: number): void {
    writeSize(sink, count, 0x90, 15, 0xdc)
  }

  separate(): void {
    // Nothing stands between elements.
  }

  endList(): void {
    // The count said where it ends.
  }
}

export const messagepack: Serializer = new MessagePackSerializer()

type HeadKind = 'list' | 'map' | 'text' | 'binary' | 'extension' | 'fixed'

/** The head of a value: for texts and binary `size` octets from `at`, for lists and maps so many items. */
interface Head {
  kind: HeadKind
  size: number
  at: number
  /** Of an extension. */
  type: number
}

/** Used again by the next call. */
const head: Head = { kind: 'fixed', size: 0, at: 0, type: 0 }

/** Of `fixed` values `size` is what follows the first octet. */
function headAt(bytes: Uint8Array, from: number, end: number): Head {
  if (from >= end) throw truncated()
  const first = bytes[from] as number
  head.at = from + 1
  if (first <= 0x7f || first >= 0xe0) return fixed(0)
  if (first <= 0x8f) return found('map', first & 0x0f)
  if (first <= 0x9f) return found('list', first & 0x0f)
  if (first <= 0xbf) return found('text', first & 0x1f)
  switch (first) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return fixed(0)
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return found('binary', sizeAt(bytes, end, 1 << (first - 0xc4)))
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return extension(bytes, end, sizeAt(bytes, end, 1 << (first - 0xc7)))
    case 0xca:
    case 0xcb:
      return fixed(first === 0xca ? 4 : 8)
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return fixed(1 << (first - 0xcc))
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return fixed(1 << (first - 0xd0))
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return extension(bytes, end, 1 << (first - 0xd4))
    case 0xd9:
    case 0xda:
    case 0xdb:
      return found('text', sizeAt(bytes, end, 1 << (first - 0xd9)))
    case 0xdc:
    case 0xdd:
      return found('list', sizeAt(bytes, end, first === 0xdc ? 2 : 4))
    case 0xde:
    case 0xdf:
      return found('map', sizeAt(bytes, end, first === 0xde ? 2 : 4))
    default:
      throw new ProtocolError('an octet that MessagePack does not use')
  }
}

function found(kind: HeadKind, size: number): Head {
  head.kind = kind
  head.size = size
  return head
}

function fixed(size: number): Head {
  return found('fixed', size)
}

function extension(bytes: Uint8Array, end: number, size: number): Head {
  if (head.at >= end) throw truncated()
  head.type = ((bytes[head.at] as number) << 24) >> 24
  head.at += 1
  return found('extension', size)
}

function sizeAt(bytes: Uint8Array, end: number, width: number): number {
  if (head.at + width > end) throw truncated()
  let size = 0
  for (let i = 0; i < width; i++) size = size * 256 + (bytes[head.at + i] as number)
  head.at += width
  return size
}

function truncated(): ProtocolError {
  return new ProtocolError('MessagePack that is cut off')
}

/** Checks the value at `from`; returns where it ends. Recursion is bounded by the depth. */
function skipValue(bytes: Uint8Array, from: number, end: number, depth: number): number {
  const { kind, size, at } = headAt(bytes, from, end)
  if (kind === 'list' || kind === 'map') {
    const items = kind === 'map' ? size * 2 : size
    if (items > end - at) throw truncated()
    if (depth >= depthMost) throw new ProtocolError('a value nested too deep')
    let next = at
    for (let i = 0; i < items; i++) next = skipValue(bytes, next, end, depth + 1)
    return next
  }
  const to = at + size
  if (to > end) throw truncated()
  if (kind === 'text' && !isUtf8(bytes, at, to)) throw new ProtocolError('text that is not UTF-8')
  return to
}

class MessagePackReader {
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
    const bytes = this.#bytes
    const from = this.at
    const { kind, size, at, type } = headAt(bytes, from, this.#end)
    if (kind === 'list' || kind === 'map') {
      if ((kind === 'map' ? size * 2 : size) > this.#end - at) throw truncated()
      if (depth >= depthMost) throw new ProtocolError('a value nested too deep')
      this.at = at
      return kind === 'list' ? this.#list(size, depth + 1) : this.#map(size, depth + 1)
    }
    const to = at + size
    if (to > this.#end) throw truncated()
    this.at = to
    if (kind === 'text') return decodeUtf8(bytes, at, to)
    if (kind === 'binary') return copyOf(bytes, at, to)
    if (kind === 'extension') return extensionOf(type, copyOf(bytes, at, to))
    return this.#fixed(bytes[from] as number, at)
  }

  #list(size: number, depth: number): WampValue {
    const items: WampValue[] = []
    for (let i = 0; i < size; i++) items.push(this.value(depth))
    return items
  }

  #map(size: number, depth: number): WampValue {
    const map = new Map<WampValue, WampValue>()
    for (let i = 0; i < size; i++) {
      const key = this.value(depth)
      map.set(key, this.value(depth))
    }
    return map
  }

  #fixed(first: number, at: number): WampValue {
    const view = this.#view
    switch (first) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xca:
        return floatValue(view.getFloat32(at))
      case 0xcb:
        return floatValue(view.getFloat64(at))
      case 0xcc:
        return view.getUint8(at)
      case 0xcd:
        return view.getUint16(at)
      case 0xce:
        return view.getUint32(at)
      case 0xcf:
        return integerValue(view.getBigUint64(at))
      case 0xd0:
        return view.getInt8(at)
      case 0xd1:
        return view.getInt16(at)
      case 0xd2:
        return view.getInt32(at)
      case 0xd3:
        return integerValue(view.getBigInt64(at))
      default:
        return first <= 0x7f ? first : first - 0x100
    }
  }
}

function extensionOf(type: number, bytes: Uint8Array): WampValue {
  // What JavaScript packers make of `undefined`.
  if (type === 0 && bytes.length === 1) return null
  if (type === timeType) return timeOf(bytes) ?? new WampExtension(type, bytes)
  return new WampExtension(type, bytes)
}

function timeOf(bytes: Uint8Array): WampTime | undefined {
  const view = new DataView(bytes.buffer)
  if (bytes.length === 4) return new WampTime(view.getUint32(0), 0)
  if (bytes.length === 8) {
    const bits = view.getBigUint64(0)
    return time(bits & 0x3_ffff_ffffn, Number(bits >> 34n))
  }
  return bytes.length === 12 ? time(view.getBigInt64(4), view.getUint32(0)) : undefined
}

/** Undefined where it would not come back as it was. */
function time(seconds: bigint, nanoseconds: number): WampTime | undefined {
  const value = integerValue(seconds)
  if (typeof value !== 'number' || nanoseconds > 999_999_999) return undefined
  return new WampTime(value, nanoseconds)
}

function writeValue(sink: ByteSink, value: WampInput): void {
  if (typeof value === 'string') writeText(sink, value)
  else if (typeof value === 'number') {
    if (Number.isInteger(value)) writeInteger(sink, value)
    else writeFloat(sink, value)
  } else if (typeof value === 'boolean') sink.byte(value ? 0xc3 : 0xc2)
  else if (typeof value === 'bigint') writeBigInteger(sink, value)
  else if (value === undefined) sink.byte(0xc0)
  else writeObject(sink, value)
}

function writeObject(sink: ByteSink, value: Exclude<WampInput, undefined>): void {
  if (value === null) sink.byte(0xc0)
  else if (Array.isArray(value)) {
    writeSize(sink, value.length, 0x90, 15, 0xdc)
    for (const item of value as readonly WampInput[]) writeValue(sink, item)
  } else if (value instanceof Uint8Array) writeBinary(sink, value)
  else if (value instanceof Map) writeEntries(sink, [...value])
  else if (value instanceof WampFloat) writeFloat(sink, value.value)
  else if (value instanceof WampTime) writeTime(sink, value)
  else if (value instanceof WampExtension) writeExtension(sink, value.type, value.bytes)
  else if (value instanceof WampTag) writeTagged(sink, value)
  else writeEntries(sink, Object.entries(value))
}

/** A tag means nothing to MessagePack: what stands behind it does, and times have a form of their own. */
function writeTagged(sink: ByteSink, { tag, value }: WampTag): void {
  const asTime = tag === 0 && typeof value === 'string' ? parseTime(value) : undefined
  if (asTime !== undefined) writeTime(sink, asTime)
  else if (tag === 1 && typeof value === 'number' && Number.isInteger(value)) {
    writeTime(sink, new WampTime(value, 0))
  } else writeValue(sink, value)
}

function writeEntries(sink: ByteSink, entries: readonly (readonly [WampValue, WampInput])[]): void {
  const present = entries.filter(([, item]) => item !== undefined)
  writeSize(sink, present.length, 0x80, 15, 0xde)
  for (const [key, item] of present) {
    writeValue(sink, key)
    writeValue(sink, item)
  }
}

/** Of a list or map; `wide` is followed by 16 bits, the next number by 32. */
function writeSize(sink: ByteSink, size: number, short: number, most: number, wide: number): void {
  if (size <= most) sink.byte(short | size)
  else writeUnsigned(sink, size <= 0xffff ? wide : wide + 1, size, size <= 0xffff ? 2 : 4)
}

function writeUnsigned(sink: ByteSink, first: number, value: number, width: number): void {
  const at = sink.reserve(1 + width)
  const { bytes } = sink
  bytes[at] = first
  for (let i = width, rest = value; i > 0; i--) {
    bytes[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function writeInteger(sink: ByteSink, value: number): void {
  if (value >= 0) {
    if (value <= 0x7f) sink.byte(value)
    else if (value <= 0xff) writeUnsigned(sink, 0xcc, value, 1)
    else if (value <= 0xffff) writeUnsigned(sink, 0xcd, value, 2)
    else if (value <= 0xffff_ffff) writeUnsigned(sink, 0xce, value, 4)
    else if (value <= 2 ** 53) writeUnsigned(sink, 0xcf, value, 8)
    else writeBigInteger(sink, BigInt(value))
    return
  }
  if (value >= -0x20) sink.byte(value & 0xff)
  else if (value >= -0x80) writeUnsigned(sink, 0xd0, value + 0x100, 1)
  else if (value >= -0x8000) writeUnsigned(sink, 0xd1, value + 0x1_0000, 2)
  else if (value >= -0x8000_0000) writeUnsigned(sink, 0xd2, value + 0x1_0000_0000, 4)
  else writeBigInteger(sink, BigInt(value))
}

function writeBigInteger(sink: ByteSink, value: bigint): void {
  const isUnsigned = value >= 0n
  if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) {
    // It has no form, and digits lose nothing.
    writeText(sink, String(value))
    return
  }
  if (isUnsigned) scratch.setBigUint64(0, value)
  else scratch.setBigInt64(0, value)
  writeScratch(sink, isUnsigned ? 0xcf : 0xd3)
}

function writeFloat(sink: ByteSink, value: number): void {
  scratch.setFloat64(0, value)
  writeScratch(sink, 0xcb)
}

function writeScratch(sink: ByteSink, first: number): void {
  const at = sink.reserve(9)
  sink.bytes[at] = first
  for (let i = 0; i < 8; i++) sink.bytes[at + 1 + i] = scratch.getUint8(i)
}

function writeText(sink: ByteSink, text: string): void {
  const start = sink.length
  sink.byte(0xa0)
  const size = sink.text(text)
  if (size <= 31) {
    sink.bytes[start] = 0xa0 | size
    return
  }
  sink.length = start
  if (size <= 0xff) writeUnsigned(sink, 0xd9, size, 1)
  else writeUnsigned(sink, size <= 0xffff ? 0xda : 0xdb, size, size <= 0xffff ? 2 : 4)
  if (size === text.length) sink.text(text)
  else sink.append(encoder.encode(text))
}

function writeBinary(sink: ByteSink, bytes: Uint8Array): void {
  const { length } = bytes
  const width = length <= 0xff ? 1 : length <= 0xffff ? 2 : 4
  writeUnsigned(sink, width === 1 ? 0xc4 : width === 2 ? 0xc5 : 0xc6, length, width)
  sink.append(bytes)
}

function writeExtension(sink: ByteSink, type: number, bytes: Uint8Array): void {
  const { length } = bytes
  const short = [1, 2, 4, 8, 16].indexOf(length)
  const width = length <= 0xff ? 1 : length <= 0xffff ? 2 : 4
  if (short >= 0) sink.byte(0xd4 + short)
  else writeUnsigned(sink, width === 1 ? 0xc7 : width === 2 ? 0xc8 : 0xc9, length, width)
  sink.byte(type & 0xff)
  sink.append(bytes)
}

function writeTime(sink: ByteSink, { seconds, nanoseconds }: WampTime): void {
  const isShort = seconds >= 0 && seconds < 2 ** 34
  const size = isShort ? (nanoseconds === 0 && seconds < 2 ** 32 ? 4 : 8) : 12
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  if (size === 4) view.setUint32(0, seconds)
  else if (size === 8) view.setBigUint64(0, (BigInt(nanoseconds) << 34n) | BigInt(seconds))
  else {
    view.setUint32(0, nanoseconds)
    view.setBigInt64(4, BigInt(seconds))
  }
  writeExtension(sink, timeType, bytes)
}
