/**
 * The one rule for names: topic, queue, message_id, tenant_id, bl_name, device_id
 * (spec/msgbus-v1 2.1). Nothing is trimmed or normalised: `a` and ` a` are two names.
 */

import { BusError } from './errors.ts'

export type NameField =
  | 'topic'
  | 'queue'
  | 'message_id'
  | 'tenant_id'
  | 'bl_name'
  | 'device_id'
  | 'publish_id'
  | 'procedure'

// Unicode White_Space; String.prototype.trim knows another set (it adds U+FEFF, omits U+0085).
const blank = /^\p{White_Space}*$/u

/** Empty, or nothing but white space. */
export function isBlankName(value: string): boolean {
  return blank.test(value)
}

/**
 * @param maxBytes limit in bytes of UTF-8
 * @throws BusError `invalid_argument` with the texts of spec/msgbus-v1 2.1
 */
export function checkName(field: NameField, value: string, maxBytes: number): void {
  if (blank.test(value)) {
    throw new BusError('invalid_argument', 'name_empty', `${field} is empty`)
  }
  if (value.includes('\0')) {
    throw new BusError('invalid_argument', 'name_contains_nul', `${field} contains NUL byte`)
  }
  // A UTF-16 unit is at most three bytes of UTF-8, so most names need no count.
  if (value.length * 3 <= maxBytes) return
  const bytes = utf8Length(value)
  if (bytes > maxBytes) {
    const text = `${field} is too long (${bytes} bytes, limit ${maxBytes})`
    throw new BusError('invalid_argument', 'name_too_long', text)
  }
}

/** Bytes of the UTF-8 form; a lone surrogate counts as U+FFFD, as encoders write it. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) {
      bytes += 1
      continue
    }
    bytes += 2
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00
    // A pair: two units, four bytes.
    if (isPair) i += 1
  }
  return bytes
}
