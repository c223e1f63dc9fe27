/**
 * Base64 in the alphabet for names (RFC 4648 section 5), without padding: how TMB writes topics that are no categories
 * and the other way round (spec/tmb 10.2). Only the canonical form is read, so that one text stands for one sequence of
 * bytes. By hand, since Node and browsers have no way in common.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Value of a character by its code; 255: none. */
const values = new Uint8Array(128).fill(255)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

export function encodeBase64url(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  for (; at + 2 < bytes.length; at += 3) {
    const group =
      ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
    text += letter(group >> 18) + letter(group >> 12) + letter(group >> 6) + letter(group)
  }
  const left = bytes.length - at
  if (left === 1) {
    const last = bytes[at] as number
    text += letter(last >> 2) + letter(last << 4)
  } else if (left === 2) {
    const group = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
    text += letter(group >> 10) + letter(group >> 4) + letter(group << 2)
  }
  return text
}

/** Undefined for what `encodeBase64url` would not write. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  const left = text.length % 4
  if (left === 1) return undefined
  const bytes = new Uint8Array((text.length - left) * 0.75 + (left === 0 ? 0 : left - 1))
  let at = 0
  let bits = 0
  let held = 0
  for (let i = 0; i < text.length; i++) {
    const value = values[text.charCodeAt(i)] ?? 255
    if (value === 255) return undefined
    held = (held << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = held >> bits
    held &= (1 << bits) - 1
  }
  // What is left of the last character must be zeros, or another text would stand for the same bytes.
  return held === 0 ? bytes : undefined
}

function letter(bits: number): string {
  return alphabet.charAt(bits & 63)
}
