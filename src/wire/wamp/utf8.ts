/** Text where it stands in a buffer: checked, and decoded the fast way when it is ASCII. */

import { ProtocolError } from '../../model/errors.ts'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Up to so many characters a loop is faster than a decoder and the view it needs. */
const loopBytes = 64

/** @throws ProtocolError when it is not UTF-8 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= loopBytes) {
    let text = ''
    let i = start
    for (; i < end; i++) {
      const byte = bytes[i] as number
      if (byte > 0x7f) break
      text += String.fromCharCode(byte)
    }
    if (i === end) return text
  }
  try {
    return strict.decode(bytes.subarray(start, end))
  } catch (error) {
    throw new ProtocolError('text that is not UTF-8', { cause: error })
  }
}

/** Whether it is UTF-8, without overlong forms and surrogates. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start
  while (i < end) {
    const first = bytes[i] as number
    if (first < 0x80) {
      i += 1
      continue
    }
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
    if (first < 0xc2 || first > 0xf4 || i + more >= end) return false
    const second = bytes[i + 1] as number
    const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (second < least || second > most) return false
    for (let k = 2; k <= more; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return false
    i += more + 1
  }
  return true
}
