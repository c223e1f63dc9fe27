/**
 * Bytes of strangers on a terminal: text as it is, and every byte that is not printable as `\xNN`, so that
 * a message neither moves the cursor nor changes colours nor fakes another line.
 */

/** C0, DEL, C1, what reorders text, what ends lines, and what stands for bytes that are no UTF-8. */
const unprintable = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff\ufffd]/u
const onlyPlain = /^[\x20-\x7e]*$/

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function showBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  if (onlyPlain.test(text)) return text
  let shown = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] ?? 0)
    const char = decode(bytes.subarray(at, at + length))
    if (char === undefined || unprintable.test(char)) {
      // A sequence that is whole is escaped whole; of a broken one only this byte is known to be wrong.
      const end = char === undefined ? at + 1 : at + length
      for (; at < end; at++) shown += escapeByte(bytes[at] ?? 0)
    } else {
      shown += char
      at += length
    }
  }
  return shown
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Of the UTF-8 sequence that begins with this byte. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1
  if (first < 0xe0) return 2
  return first < 0xf0 ? 3 : 4
}

function decode(sequence: Uint8Array): string | undefined {
  try {
    return strictText.decode(sequence)
  } catch {
    // No UTF-8; that is the answer.
    return undefined
  }
}
