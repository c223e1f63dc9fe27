/** Lines as they go out, checked so that the server reads what the program means. */

import { BusError } from '../../model/errors.ts'
import { blank, carriageReturn, colon, isWhiteSpace, lineFeed } from '../../wire/tmb/category.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'
import { tmbKinds } from '../../wire/tmb/words.ts'
import type { TmbKind } from '../../wire/tmb/words.ts'
import { toPayload } from '../payload-codec.ts'

const loneSurrogate = /\p{Surrogate}/u

/**
 * The whole line of a peer message, with its end.
 * @param rest undefined: the line ends with the category
 * @param separator the white space byte between the two
 * @throws BusError `invalid_argument`
 */
export function peerMessageLine(
  category: Uint8Array | string,
  rest: Uint8Array | string | undefined,
  separator: number = blank,
): Uint8Array {
  const name = checkedCategory(category)
  const body = rest === undefined ? undefined : toPayload(rest)
  if (body?.includes(lineFeed) === true) {
    throw badArgument('the text contains a line feed, which ends a message; encode it')
  }
  if (!isWhiteSpace(separator) || separator === lineFeed) {
    throw badArgument('the separator is a white space byte other than the line feed')
  }
  const length = 1 + name.length + (body === undefined ? 0 : 1 + body.length)
  if (length > tmbLimits.mostLineBytes) {
    const text = `the message has ${length} bytes, no server takes more than ${tmbLimits.mostLineBytes}`
    throw new BusError('resource_exhausted', 'payload_too_large', text)
  }
  const line = Buffer.allocUnsafe(length + 2)
  line[0] = colon
  line.set(name, 1)
  if (body !== undefined) {
    line[1 + name.length] = separator
    line.set(body, 2 + name.length)
  }
  return withEnd(line, length)
}

/** A command line with its end. @param words checked already */
export function commandLine(...words: readonly (string | Uint8Array)[]): Uint8Array {
  const parts = words.flatMap((word, i) => (i === 0 ? [toPayload(word)] : [space, toPayload(word)]))
  return Buffer.concat([...parts, end])
}

/** @throws BusError `invalid_argument/bad_argument` */
export function checkedId(id: string): string {
  const bytes = Buffer.from(id)
  if (
    id === '' ||
    id === '*' ||
    bytes.length > tmbLimits.subscriptionIdBytes ||
    bytes.some(isWhiteSpace)
  ) {
    const what = `a subscription id has 1 to ${tmbLimits.subscriptionIdBytes} bytes without white space and is not *`
    throw badArgument(`${what}: ${JSON.stringify(id)}`)
  }
  return id
}

/**
 * The server cuts white space off both ends and refuses it elsewhere in the plain kinds.
 * @throws BusError `invalid_argument/bad_argument`
 */
export function checkedPattern(kind: TmbKind, pattern: Uint8Array | string): Uint8Array {
  if (!tmbKinds.includes(kind)) {
    throw badArgument(`${JSON.stringify(kind)} is not one of ${tmbKinds.join(', ')}`)
  }
  const bytes = toPayload(pattern)
  if (bytes.length === 0) throw badArgument('the pattern is empty; regexp . matches everything')
  if (bytes.includes(lineFeed)) throw badArgument('the pattern contains a line feed')
  if (kind !== 'regexp' && bytes.some(isWhiteSpace)) {
    throw badArgument('the pattern contains white space, which no category does')
  }
  if (isWhiteSpace(bytes[0] ?? 0) || isWhiteSpace(bytes.at(-1) ?? 0)) {
    throw badArgument('the expression begins or ends with white space, which is cut off')
  }
  return bytes
}

/** One word or more of a command that ends with it. @throws BusError `invalid_argument/bad_argument` */
export function checkedWords(what: string, text: string): string {
  if (text.includes('\n')) throw badArgument(`${what} contains a line feed`)
  if (text === '' || text !== text.trim()) {
    throw badArgument(`${what} is empty, or begins or ends with white space`)
  }
  return text
}

/** One word of a command. @throws BusError `invalid_argument/bad_argument` */
export function checkedWord(what: string, text: string): string {
  if (text === '' || Buffer.from(text).some(isWhiteSpace)) {
    throw badArgument(`${what} is empty or contains white space`)
  }
  return text
}

// Programs send much to one category after the other, and checking it would be most of the work.
let knownText = ''
let knownBytes: Uint8Array | undefined

function checkedCategory(category: Uint8Array | string): Uint8Array {
  if (category === knownText && knownBytes !== undefined) return knownBytes
  if (typeof category === 'string' && loneSurrogate.test(category)) {
    const text = 'the category is no valid Unicode: it holds half a surrogate pair'
    throw new BusError('invalid_argument', 'name_not_unicode', text)
  }
  const bytes = toPayload(category)
  if (bytes.length === 0) {
    throw new BusError('invalid_argument', 'name_empty', 'the category is empty')
  }
  if (bytes.some(isWhiteSpace)) throw badArgument('the category contains white space')
  if (bytes.length > tmbLimits.categoryBytes) {
    const text = `the category has ${bytes.length} bytes, the limit is ${tmbLimits.categoryBytes}`
    throw new BusError('invalid_argument', 'name_too_long', text)
  }
  if (typeof category === 'string') {
    knownText = category
    knownBytes = bytes
  }
  return bytes
}

const space = Uint8Array.of(blank)
const end = Uint8Array.of(lineFeed)

/** @param line has room for two more bytes */
function withEnd(line: Buffer, length: number): Uint8Array {
  let at = length
  // The server takes one CR off the end of a line: one that belongs to the message needs another.
  if (line[at - 1] === carriageReturn) line[at++] = carriageReturn
  line[at++] = lineFeed
  return line.subarray(0, at)
}

function badArgument(text: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', text)
}
