/**
 * Parameters of a call as words `key=value`, as the tools of BUS/RT take them (spec/busrt 9.2, 9.4): true and
 * false, whole numbers, numbers with a fraction, everything else is text. Encoded here and not by the
 * MessagePack of the client, for which 1.0 and 1 are the same number: a service may well tell a float
 * from an integer.
 */

import { UsageError } from '../exit-codes.ts'

type Value = boolean | bigint | number | string

const integer = /^[+-]?\d+$/
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const least = -(2n ** 63n)
const most = 2n ** 63n - 1n

/**
 * A MessagePack map of them; no words are no bytes. Of two with the same key the last one counts.
 * @throws UsageError for a word without `=`
 */
export function encodeParams(words: readonly string[]): Uint8Array {
  const params = new Map<string, Value>()
  for (const word of words) {
    if (word === '') continue
    const at = word.indexOf('=')
    if (at < 0) {
      throw new UsageError(`${JSON.stringify(word)}: a parameter is key=value; - reads them raw`)
    }
    params.set(word.slice(0, at), parseValue(word.slice(at + 1)))
  }
  if (params.size === 0) return new Uint8Array()
  const members = [...params].flatMap(([key, value]) => [encodeText(key), encodeValue(value)])
  return Buffer.concat([head(params.size, 0x80, 15, [0xde, 0xdf]), ...members])
}

function parseValue(text: string): Value {
  if (text === 'true' || text === 'false') return text === 'true'
  if (integer.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''))
    return value >= least && value <= most ? value : Number(text)
  }
  return decimal.test(text) ? Number(text) : text
}

function encodeValue(value: Value): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xc3 : 0xc2)
  if (typeof value === 'string') return encodeText(value)
  if (typeof value === 'bigint') return encodeInteger(value)
  const bytes = Buffer.alloc(9, 0xcb)
  bytes.writeDoubleBE(value, 1)
  return bytes
}

/** In the shortest form. */
function encodeInteger(value: bigint): Uint8Array {
  if (value >= -32n && value < 128n) return Uint8Array.of(Number(value) & 0xff)
  // Widths of one, two, four and eight bytes, without and with sign.
  for (let i = 0; i < 3; i++) {
    const bits = 8 << i
    if (value >= 0n && BigInt.asUintN(bits, value) === value) {
      return Buffer.concat([Uint8Array.of(0xcc + i), bigEndian(Number(value), bits / 8)])
    }
    if (value < 0n && BigInt.asIntN(bits, value) === value) {
      const unsigned = Number(BigInt.asUintN(bits, value))
      return Buffer.concat([Uint8Array.of(0xd0 + i), bigEndian(unsigned, bits / 8)])
    }
  }
  const bytes = Buffer.alloc(9, value < 0n ? 0xd3 : 0xcf)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 1)
  return bytes
}

function encodeText(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  const start =
    bytes.length < 32 || bytes.length > 0xff
      ? head(bytes.length, 0xa0, 31, [0xda, 0xdb])
      : Uint8Array.of(0xd9, bytes.length)
  return Buffer.concat([start, bytes])
}

/** How maps and texts begin: a length in the first byte, or behind it in two or four bytes. */
function head(length: number, short: number, mostShort: number, [two, four]: [number, number]) {
  if (length <= mostShort) return Uint8Array.of(short | length)
  const [code, width] = length <= 0xffff ? [two, 2] : [four, 4]
  return Buffer.concat([Uint8Array.of(code), bigEndian(length, width)])
}

function bigEndian(value: number, width: number): Uint8Array {
  const bytes = Buffer.alloc(width)
  bytes.writeUIntBE(value, 0, width)
  return bytes
}
