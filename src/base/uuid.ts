/**
 * Random UUIDs (RFC 9562, version 4) as text and as the four words a record keeps. Randomness is
 * fetched for many ids at once, and the text is put together from a table of byte pairs: an id costs a fraction
 * of a microsecond. Words are little-endian over the sixteen bytes in their order of writing.
 */

import { randomFillSync } from 'node:crypto'

const poolIds = 256
const pool = new Uint32Array(poolIds * 4)
let next = poolIds

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Writes the words of a fresh id to `target[at..at+4)` and answers its text, in lower case. */
export function createUuid(target: Uint32Array, at: number): string {
  if (next === poolIds) {
    randomFillSync(pool)
    next = 0
  }
  const from = next * 4
  next += 1
  // Byte 6 holds the version in its high half, byte 8 the variant in its two highest bits.
  target[at] = pool[from] as number
  target[at + 1] = ((pool[from + 1] as number) & 0xff0fffff) | 0x00400000
  target[at + 2] = ((pool[from + 2] as number) & 0xffffff3f) | 0x00000080
  target[at + 3] = pool[from + 3] as number
  return formatUuid(target, at)
}

export function formatUuid(words: Uint32Array, at: number): string {
  const a = words[at] as number
  const b = words[at + 1] as number
  const c = words[at + 2] as number
  const d = words[at + 3] as number
  return `${hex4(a)}-${hex2(b)}-${hex2(b >>> 16)}-${hex2(c)}-${hex2(c >>> 16)}${hex4(d)}`
}

/**
 * Writes the words of an id in canonical form, 36 characters in lower case, any version. Answers
 * false, having perhaps written something, for every other text.
 */
export function parseUuid(text: string, target: Uint32Array, at: number): boolean {
  if (text.length !== 36) return false
  let position = 0
  for (let word = 0; word < 4; word++) {
    let value = 0
    for (let shift = 0; shift < 32; shift += 8) {
      if (position === 8 || position === 13 || position === 18 || position === 23) {
        if (text.charCodeAt(position) !== 0x2d) return false
        position += 1
      }
      const byte = (digit(text, position) << 4) | digit(text, position + 1)
      if (byte < 0) return false
      value |= byte << shift
      position += 2
    }
    target[at + word] = value
  }
  return true
}

/** Minus one, which stays negative through shifts, for what is no digit. */
function digit(text: string, position: number): number {
  const code = text.charCodeAt(position)
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}

function hex2(word: number): string {
  return (hexOfByte[word & 0xff] as string) + (hexOfByte[(word >>> 8) & 0xff] as string)
}

function hex4(word: number): string {
  return hex2(word) + hex2(word >>> 16)
}
