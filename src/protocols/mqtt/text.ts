/**
 * Whether bytes are a text of MQTT (5.0 section 1.5.4; spec/mqtt 3.4): well-formed UTF-8 without U+0000. Names
 * (topics, client ids, user names) hold no control characters and no non-characters either, which the standard
 * lets a server refuse. Node's own decoding replaces bad bytes silently, so it is never the check.
 */

import { isUtf8 } from 'node:buffer'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
// Controls and the last two characters of each plane.
const refusedInNames =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f]|[\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/

/** Whether `bytes[start..end)` is a text. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  let isAscii = true
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === 0) return false
    if (byte >= 0x80) isAscii = false
  }
  return isAscii || isUtf8(bytes.subarray(start, end))
}

/** Whether `bytes[start..end)` is a text that may be a name. */
export function isName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte < 0x20 || byte === 0x7f) return false
    if (byte >= 0x80) return isWideName(bytes.subarray(start, end))
  }
  return true
}

/** Whether `bytes[start..end)`, which is a name, has a wildcard. */
export function hasWildcard(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === 0x2b || bytes[i] === 0x23) return true
  return false
}

/** The text, which has been checked. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

function isWideName(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !refusedInNames.test(decoder.decode(bytes))
}
