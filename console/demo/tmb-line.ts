/**
 * Lines of the text bus as the page has them: text where they are well-formed UTF-8, else bytes; without their LF.
 * spec/tmb.md 1, 2. Knows no page, so that it is tested without one.
 */

import { lineFeed } from '../../src/wire/tmb/category.ts'

/** Text, or bytes that are not well-formed UTF-8. */
export type Line = string | Uint8Array

export interface PeerMessage {
  readonly category: string
  /** Everything behind the one white space byte that ends the category. */
  readonly rest: string
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const anyText = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** White space of the text bus; a blank of another alphabet is none. */
export const whiteSpace = /[\t\v\f\r ]/
const edges = /^[\t\v\f\r ]+|[\t\v\f\r ]+$/g

/** What nobody would see, or what moves what stands around it: controls, formats, unassigned, blanks of all kinds. */
const unprintable = /[\p{C}\p{Z}]/u

/** The lines of one WebSocket message. Its end ends the last line; empty lines are left out. Copies what is bytes. */
export function linesOf(message: string | Uint8Array): Line[] {
  if (typeof message === 'string') return message.split('\n').filter((line) => line !== '')
  const lines: Line[] = []
  for (let start = 0; start < message.length;) {
    const found = message.indexOf(lineFeed, start)
    const end = found === -1 ? message.length : found
    if (end > start) lines.push(textOrBytes(message.slice(start, end)))
    start = end + 1
  }
  return lines
}

/** Bytes that are not UTF-8 become U+FFFD, which no name of ours contains. */
export function textOf(line: Line): string {
  return typeof line === 'string' ? line : anyText.decode(line)
}

export function byteLength(text: string): number {
  return encoder.encode(text).length
}

/** White space of the text bus at both ends is gone. */
export function trimmed(text: string): string {
  return text.replace(edges, '')
}

/** Undefined when the line is none, or has no category. */
export function parsePeerMessage(line: Line): PeerMessage | undefined {
  const text = textOf(line)
  if (!text.startsWith(':')) return undefined
  const space = text.search(whiteSpace)
  const category = space === -1 ? text.slice(1) : text.slice(1, space)
  if (category === '') return undefined
  return { category, rest: space === -1 ? '' : text.slice(space + 1) }
}

/**
 * What a person sees: bytes that are not printable stand as `\xNN`, so that a line can neither hide a part of itself nor
 * reorder what surrounds it. Beyond `limit` characters it says how many bytes the line has.
 */
export function visibleText(line: Line, limit = 500): string {
  let shown = ''
  let characters = 0
  for (const piece of typeof line === 'string' ? line : piecesOf(line)) {
    if (characters++ === limit) {
      const bytes = typeof line === 'string' ? byteLength(line) : line.length
      return `${shown}… (${bytes.toLocaleString('en')} bytes)`
    }
    if (typeof piece === 'number') shown += hex(piece)
    else if (piece !== ' ' && unprintable.test(piece))
      shown += [...encoder.encode(piece)].map(hex).join('')
    else shown += piece
  }
  return shown
}

function textOrBytes(bytes: Uint8Array): Line {
  return decoded(bytes) ?? bytes
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strictText.decode(bytes)
  } catch {
    // Not UTF-8; that is the answer.
    return undefined
  }
}

/** Characters where there are some, and the bytes in between. */
function* piecesOf(bytes: Uint8Array): Generator<string | number> {
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    const character = decoded(bytes.subarray(at, at + size))
    const isOne = character?.length === (size === 4 ? 2 : 1)
    yield isOne ? character : lead
    at += isOne ? size : 1
  }
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
