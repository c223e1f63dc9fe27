/**
 * What a category is (spec/tmb 1.6, 2): at least one byte, no white space, no line end. It is bytes; most are text.
 */

import { tmbLimits } from './limits.ts'

export const colon = 0x3a
export const blank = 0x20
export const lineFeed = 0x0a
export const carriageReturn = 0x0d

/** Blank, tab, vertical tab, form feed, carriage return, line feed; never a byte from 0x80 up. */
export function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

/** Where the category that begins at `start` ends: at its white space byte, or at `end`. */
export function endOfCategory(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && !isWhiteSpace(bytes[at] as number)) at++
  return at
}

/** Whether the bytes can be sent as a category. */
export function isCategory(bytes: Uint8Array): boolean {
  const { length } = bytes
  if (length === 0 || length > tmbLimits.categoryBytes) return false
  return endOfCategory(bytes, 0, length) === length
}
