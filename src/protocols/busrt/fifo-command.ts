/**
 * One line of a command pipe as what it asks for (spec/busrt 9.2). Fields are divided by single spaces, and
 * nothing is quoted: a payload is one word, and what follows it is ignored, as in the reference.
 *
 * | line | |
 * | `TARGET WORD` | message; to all who match when TARGET has a `*` or `?` |
 * | `=TOPIC WORD` | publication |
 * | `TARGET .WORD` | notification of the RPC layer |
 * | `TARGET :METHOD k=v …` | request of the RPC layer that wants no reply |
 */

import { encode } from '@msgpack/msgpack'
import { ProtocolError } from '../../model/errors.ts'
import { decodeText, encodeNotification, encodeRequest, noReplyId } from '../../wire/busrt/rpc.ts'

export interface FifoCommand {
  readonly kind: 'message' | 'broadcast' | 'publication'
  /** Name, mask or topic. */
  readonly target: string
  readonly payload: Uint8Array
}

const encoder = new TextEncoder()

/**
 * @param line without its newline; not kept
 * @returns undefined for a blank line
 * @throws ProtocolError whose message repeats nothing of the line
 */
export function parseFifoCommand(line: Uint8Array): FifoCommand | undefined {
  const text = decodeText(line, 0, line.length)
  if (text === undefined) throw new ProtocolError('the line is not UTF-8')
  // The reference allows leading blanks before a topic only; before a name they help just as much.
  const [first = '', word, ...words] = text.replace(/\r$/, '').trimStart().split(' ')
  if (first === '') return undefined
  if (word === undefined) throw new ProtocolError('nothing stands behind the target')
  const isTopic = first.startsWith('=')
  const target = isTopic ? first.slice(1) : first
  requireNoZero(target)
  if (isTopic) return { kind: 'publication', target, payload: encoder.encode(word) }
  if (word.startsWith('.')) {
    const payload = encodeNotification(encoder.encode(word.slice(1)))
    return { kind: 'message', target, payload }
  }
  if (word.startsWith(':')) {
    const method = word.slice(1)
    requireNoZero(method)
    const payload = encodeRequest(noReplyId, method, encodeParams(words))
    return { kind: 'message', target, payload }
  }
  const kind = /[*?]/.test(target) ? 'broadcast' : 'message'
  return { kind, target, payload: encoder.encode(word) }
}

/** It ends names in frames. */
function requireNoZero(name: string): void {
  if (name.includes('\0')) throw new ProtocolError('a name contains a zero')
}

/**
 * A msgpack map, also of no words; of two with the same key the last one counts. Put together from its parts,
 * because to the encoder 1 and 1.0 are the same number and to services they are not.
 */
function encodeParams(words: readonly string[]): Uint8Array {
  const params = new Map<string, Uint8Array>()
  for (const word of words) {
    if (word === '') continue
    const equals = word.indexOf('=')
    if (equals === -1) throw new ProtocolError('a parameter is not key=value')
    // The reference ends the value at the next `=`, which helps nobody.
    params.set(word.slice(0, equals), encodeValue(word.slice(equals + 1)))
  }
  const { size } = params
  // A line of the longest kind has fewer words than two bytes can count.
  const head = size < 16 ? [0x80 | size] : [0xde, size >> 8, size & 0xff]
  const members = [...params].flatMap(([key, value]) => [encode(key), value])
  return Buffer.concat([Uint8Array.from(head), ...members])
}

const integer = /^[+-]?\d+$/
const float = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|(inf|infinity)|(nan))$/i
const longestInteger = 64

/** What looks like a number is one, by the rules of the reference. */
function encodeValue(text: string): Uint8Array {
  if (text === 'true' || text === 'false') return encode(text === 'true')
  // Of more digits it may still be one, but nobody writes so many zeros.
  if (integer.test(text) && text.length <= longestInteger) {
    const number = Number(text)
    if (Number.isSafeInteger(number)) return encode(number)
    const exact = BigInt(text.replace('+', ''))
    if (exact === BigInt.asIntN(64, exact)) return encode(exact, { useBigInt64: true })
  }
  const match = float.exec(text)
  if (match === null) return encode(text)
  const [, infinity, nan] = match
  const sign = text.startsWith('-') ? -1 : 1
  const value = infinity === undefined ? (nan === undefined ? Number(text) : NaN) : sign * Infinity
  return encode(value, { forceIntegerToFloat: true })
}
