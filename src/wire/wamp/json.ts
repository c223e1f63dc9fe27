/**
 * JSON of WAMP (spec/wamp 5). The checker walks the octets once and builds nothing; its grammar is RFC 8259, and the
 * caller has made sure that they are UTF-8. Integers of any size stay exact, a float that is integral is written with
 * `.0`, and binary is a string of U+0000 and base64 (5.2).
 */

import { ProtocolError } from '../../model/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { ByteSink } from './byte-sink.ts'
import { elementsMost, type Serializer, type Spans, type ValueKind } from './serializer.ts'
import { formatTime } from './time-text.ts'
import { decodeUtf8 } from './utf8.ts'
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
/** An integer of more digits is read as a float: reading it exactly takes time by the square of its length. */
const digitsMost = 4_096
const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

class JsonSerializer implements Serializer {
  readonly name = 'json'
  readonly subprotocol = 'wamp.2.json'
  readonly rawSocketNumber = 1
  readonly isText = true
  readonly mediaType = 'application/json'

  split(bytes: Uint8Array, start: number, end: number, spans: Spans): void {
    let at = skipBlanks(bytes, start, end)
    if (bytes[at] !== 0x5b || at >= end) throw new ProtocolError('a message is a list')
    at = skipBlanks(bytes, at + 1, end)
    let count = 0
    for (;;) {
      if (count === elementsMost) throw new ProtocolError('a message with too many elements')
      const valueEnd = skipValue(bytes, at, end, 1)
      spans.at[2 * count] = at
      spans.at[2 * count + 1] = valueEnd
      count += 1
      at = skipBlanks(bytes, valueEnd, end)
      const next = at < end ? bytes[at] : 0
      if (next === 0x5d) break
      if (next !== comma) throw malformed(at)
      at = skipBlanks(bytes, at + 1, end)
    }
    if (skipBlanks(bytes, at + 1, end) !== end) throw malformed(at + 1)
    spans.count = count
  }

  kindAt(bytes: Uint8Array, start: number): ValueKind {
    const first = bytes[start] as number
    if (first === 0x5b) return 'list'
    if (first === 0x7b) return 'map'
    if (first === quote) {
      const isNul = bytes[start + 1] === backslash && bytes[start + 2] === 0x75
      return isNul && decodeUtf8(bytes, start + 3, start + 7) === '0000' ? 'binary' : 'text'
    }
    return first === 0x2d || (first >= 0x30 && first <= 0x39) ? 'integer' : 'other'
  }

  integerAt(bytes: Uint8Array, start: number, end: number): number {
    let value = 0
    for (let i = start; i < end; i++) {
      const digit = (bytes[i] as number) - 0x30
      if (digit < 0 || digit > 9 || i - start > 15) return safeInteger(bytes, start, end)
      value = value * 10 + digit
    }
    return value
  }

  contentAt(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    if (bytes[start] !== quote) return false
    for (let i = start + 1; i < end - 1; i++) if (bytes[i] === backslash) return false
    spans.at[2] = start + 1
    spans.at[3] = end - 1
    return true
  }

  textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
    return bytes[start] === quote ? textOf(bytes, start, end) : undefined
  }

  dictAt(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): ReadonlyMap<string, WampValue> | undefined {
    if (bytes[start] !== 0x7b) return undefined
    const value = this.decode(bytes, start, end)
    if (!(value instanceof Map)) return undefined
    const dict = new Map<string, WampValue>()
    for (const [key, item] of value) {
      if (typeof key === 'string' && item !== null) dict.set(key, item)
    }
    return dict
  }

  isEmptyAt(bytes: Uint8Array, start: number, end: number): boolean {
    return skipBlanks(bytes, start + 1, end) === end - 1
  }

  isSingle(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean {
    const from = skipBlanks(bytes, start + 1, end)
    if (from === end - 1) return false
    const to = skipValue(bytes, from, end, 1)
    spans.at[0] = from
    spans.at[1] = to
    return skipBlanks(bytes, to, end) === end - 1
  }

  decode(bytes: Uint8Array, start: number, end: number): WampValue {
    const reader = new JsonReader(bytes, skipBlanks(bytes, start, end), end)
    const value = reader.value(0)
    if (skipBlanks(bytes, reader.at, end) !== end) throw malformed(reader.at)
    return value
  }

  encode(sink: ByteSink, value: WampInput): void {
    writeValue(sink, value)
  }

  beginList(sink: ByteSink): void {
    sink.byte(0x5b)
  }

  separate(sink: ByteSink): void {
    sink.byte(comma)
  }

  endList(sink: ByteSink): void {
    sink.byte(0x5d)
  }
}

export const json: Serializer = new JsonSerializer()

function malformed(at: number): ProtocolError {
  return new ProtocolError(`JSON that is not well formed at octet ${at}`)
}

function skipBlanks(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end) {
    const byte = bytes[at] as number
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    at += 1
  }
  return at
}

/** Checks the value at `from`; returns where it ends. Recursion is bounded by the depth. */
function skipValue(bytes: Uint8Array, from: number, end: number, depth: number): number {
  if (from >= end) throw malformed(from)
  const first = bytes[from] as number
  switch (first) {
    case quote:
      return skipText(bytes, from, end)
    case 0x7b:
      return skipMap(bytes, from, end, depth + 1)
    case 0x5b:
      return skipList(bytes, from, end, depth + 1)
    case 0x74:
      return skipWord(bytes, from, end, 'true')
    case 0x66:
      return skipWord(bytes, from, end, 'false')
    case 0x6e:
      return skipWord(bytes, from, end, 'null')
    default:
      return skipNumber(bytes, from, end)
  }
}

function skipList(bytes: Uint8Array, from: number, end: number, depth: number): number {
  if (depth > depthMost) throw new ProtocolError('a value nested too deep')
  let at = skipBlanks(bytes, from + 1, end)
  if (bytes[at] === 0x5d && at < end) return at + 1
  for (;;) {
    at = skipBlanks(bytes, skipValue(bytes, at, end, depth), end)
    const next = at < end ? bytes[at] : 0
    if (next === 0x5d) return at + 1
    if (next !== comma) throw malformed(at)
    at = skipBlanks(bytes, at + 1, end)
  }
}

function skipMap(bytes: Uint8Array, from: number, end: number, depth: number): number {
  if (depth > depthMost) throw new ProtocolError('a value nested too deep')
  let at = skipBlanks(bytes, from + 1, end)
  if (bytes[at] === 0x7d && at < end) return at + 1
  for (;;) {
    if (at >= end || bytes[at] !== quote) throw malformed(at)
    at = skipBlanks(bytes, skipText(bytes, at, end), end)
    if (at >= end || bytes[at] !== 0x3a) throw malformed(at)
    at = skipBlanks(bytes, at + 1, end)
    at = skipBlanks(bytes, skipValue(bytes, at, end, depth), end)
    const next = at < end ? bytes[at] : 0
    if (next === 0x7d) return at + 1
    if (next !== comma) throw malformed(at)
    at = skipBlanks(bytes, at + 1, end)
  }
}

function skipText(bytes: Uint8Array, from: number, end: number): number {
  let at = from + 1
  while (at < end) {
    const byte = bytes[at] as number
    if (byte === quote) return at + 1
    if (byte < 0x20) break
    at += byte === backslash ? escapeLength(bytes, at, end) : 1
  }
  throw malformed(at)
}

function escapeLength(bytes: Uint8Array, at: number, end: number): number {
  switch (at + 1 < end ? (bytes[at + 1] ?? 0) : 0) {
    case quote:
    case backslash:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) {
        if (i >= end || !isHexDigit(bytes[i] as number)) throw malformed(i)
      }
      return 6
    default:
      throw malformed(at + 1)
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

function skipWord(bytes: Uint8Array, from: number, end: number, word: string): number {
  if (from + word.length > end) throw malformed(end)
  for (let i = 1; i < word.length; i++) {
    if (bytes[from + i] !== word.charCodeAt(i)) throw malformed(from + i)
  }
  return from + word.length
}

function skipNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from
  if (at < end && bytes[at] === 0x30) at += 1
  else at = skipDigits(bytes, at, end)
  if (at < end && bytes[at] === 0x2e) at = skipDigits(bytes, at + 1, end)
  if (at < end && ((bytes[at] as number) | 0x20) === 0x65) {
    at += 1
    if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at += 1
    at = skipDigits(bytes, at, end)
  }
  return at
}

/** At least one. */
function skipDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at += 1
  if (at === from) throw malformed(at)
  return at
}

function safeInteger(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] as number
  if (first !== 0x2d && (first < 0x30 || first > 0x39)) return NaN
  const value = Number(decodeUtf8(bytes, start, end))
  // 2^53 itself is a legal id, and it is exact.
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 53 ? value : NaN
}

/** The text between the quotes at the ends of the span, which was checked. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  const inner = decodeUtf8(bytes, start + 1, end - 1)
  if (!inner.includes('\\')) return inner
  const parsed: unknown = JSON.parse(`"${inner}"`)
  return typeof parsed === 'string' ? parsed : ''
}

/** Makes values of text that need not have been checked. */
class JsonReader {
  at: number
  readonly #bytes: Uint8Array
  readonly #end: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.#end = end
  }

  value(depth: number): WampValue {
    const bytes = this.#bytes
    const from = this.at
    const first = from < this.#end ? bytes[from] : 0
    if (first === 0x5b) return this.#list(depth + 1)
    if (first === 0x7b) return this.#map(depth + 1)
    const to = (this.at = skipValue(bytes, from, this.#end, depth))
    if (first === quote) return textOrBinary(textOf(bytes, from, to))
    if (first === 0x74) return true
    if (first === 0x66) return false
    if (first === 0x6e) return null
    return numberOf(decodeUtf8(bytes, from, to))
  }

  #list(depth: number): WampValue {
    if (depth > depthMost) throw new ProtocolError('a value nested too deep')
    const items: WampValue[] = []
    this.#step(1)
    if (this.#isAt(0x5d)) return items
    for (;;) {
      items.push(this.value(depth))
      this.#step(0)
      if (this.#isAt(0x5d)) return items
      this.#expect(comma)
    }
  }

  #map(depth: number): WampValue {
    if (depth > depthMost) throw new ProtocolError('a value nested too deep')
    const map = new Map<WampValue, WampValue>()
    this.#step(1)
    if (this.#isAt(0x7d)) return map
    for (;;) {
      if (this.#bytes[this.at] !== quote || this.at >= this.#end) throw malformed(this.at)
      const keyEnd = skipText(this.#bytes, this.at, this.#end)
      const key = textOf(this.#bytes, this.at, keyEnd)
      this.at = keyEnd
      this.#step(0)
      this.#expect(0x3a)
      map.set(key, this.value(depth))
      this.#step(0)
      if (this.#isAt(0x7d)) return map
      this.#expect(comma)
    }
  }

  #step(count: number): void {
    this.at = skipBlanks(this.#bytes, this.at + count, this.#end)
  }

  #isAt(byte: number): boolean {
    if (this.at >= this.#end || this.#bytes[this.at] !== byte) return false
    this.at += 1
    return true
  }

  #expect(byte: number): void {
    if (!this.#isAt(byte)) throw malformed(this.at)
    this.#step(0)
  }
}

function textOrBinary(text: string): string | Uint8Array {
  if (text.charCodeAt(0) !== 0) return text
  return decodeBase64(text.slice(1)) ?? text
}

function numberOf(text: string): WampValue {
  if (/[.eE]/.test(text) || text.length > digitsMost) return floatValue(Number(text))
  // Minus zero is an integer here, as it is written.
  return text.length < 16 ? Number(text) + 0 : integerValue(BigInt(text))
}

function writeValue(sink: ByteSink, value: WampInput): void {
  if (typeof value === 'string') writeText(sink, value)
  else if (typeof value === 'number') {
    sink.ascii(Number.isFinite(value) ? String(value) : 'null')
  } else if (typeof value === 'boolean') sink.ascii(value ? 'true' : 'false')
  else if (typeof value === 'bigint') sink.ascii(String(value))
  else if (value === undefined) sink.ascii('null')
  else writeObject(sink, value)
}

function writeObject(sink: ByteSink, value: Exclude<WampInput, undefined>): void {
  if (value === null) sink.ascii('null')
  else if (Array.isArray(value)) {
    sink.byte(0x5b)
    for (let i = 0; i < value.length; i++) {
      if (i > 0) sink.byte(comma)
      writeValue(sink, value[i] as WampInput)
    }
    sink.byte(0x5d)
  } else if (value instanceof Uint8Array) writeBinary(sink, value)
  else if (value instanceof Map) writeEntries(sink, value)
  else if (value instanceof WampFloat) sink.ascii(floatText(value.value))
  else if (value instanceof WampTime) writeText(sink, formatTime(value))
  else if (value instanceof WampExtension) writeBinary(sink, value.bytes)
  else if (value instanceof WampTag) writeValue(sink, value.value)
  else writeEntries(sink, Object.entries(value))
}

function writeEntries(sink: ByteSink, entries: Iterable<readonly [WampValue, WampInput]>): void {
  sink.byte(0x7b)
  let isFirst = true
  for (const [key, item] of entries) {
    if (item === undefined) continue
    if (!isFirst) sink.byte(comma)
    isFirst = false
    writeText(sink, typeof key === 'string' ? key : keyText(key))
    sink.byte(0x3a)
    writeValue(sink, item)
  }
  sink.byte(0x7d)
}

/** A key that is not text, as text: a number as its digits, anything else as its JSON. */
function keyText(key: WampValue): string {
  if (key === null || typeof key === 'boolean' || typeof key === 'number') return String(key)
  if (typeof key === 'bigint') return String(key)
  if (key instanceof Uint8Array) return `\0${encodeBase64(key)}`
  if (key instanceof WampFloat) return floatText(key.value)
  if (key instanceof WampTime) return formatTime(key)
  if (key instanceof WampTag) return keyText(key.value)
  const sink = new ByteSink()
  writeValue(sink, key)
  return decodeUtf8(sink.bytes, 0, sink.length)
}

function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  if (!text.includes('e')) return `${text}.0`
  return text
}

function writeText(sink: ByteSink, text: string): void {
  const at = sink.reserve(text.length + 2)
  const { bytes } = sink
  bytes[at] = quote
  let i = 0
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === quote || code === backslash) break
    bytes[at + 1 + i] = code
  }
  if (i === text.length) {
    bytes[at + 1 + i] = quote
    return
  }
  sink.length = at
  sink.text(JSON.stringify(text))
}

function writeBinary(sink: ByteSink, bytes: Uint8Array): void {
  sink.ascii(String.raw`"\u0000`)
  sink.ascii(encodeBase64(bytes))
  sink.byte(quote)
}
