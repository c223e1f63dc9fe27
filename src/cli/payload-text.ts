/**
 * Payloads and names of strangers on a terminal. Control characters are shown, never obeyed: a
 * message must not move the cursor, change colours or fake another line.
 */

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** C0, DEL, C1, and what reorders text. */
const controls = /[\p{Cc}\p{Bidi_Control}]/gu

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Bytes shown of a binary payload. */
const shownBinaryBytes = 64

export function escapeControls(text: string): string {
  return text.replace(
    controls,
    (char) => shortEscapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Undefined when the bytes are not UTF-8. */
export function asText(payload: Uint8Array): string | undefined {
  try {
    return strictText.decode(payload)
  } catch {
    // Not text; that is the answer.
    return undefined
  }
}

/** One line: text with controls escaped, or the beginning in hexadecimal. */
export function formatPayload(payload: Uint8Array): string {
  const text = asText(payload)
  if (text !== undefined && !text.includes('\0')) return escapeControls(text)
  const shown = Buffer.from(payload.subarray(0, shownBinaryBytes)).toString('hex')
  const rest = payload.length > shownBinaryBytes ? '…' : ''
  return `0x${shown}${rest} (${payload.length} bytes)`
}

/** Fields of a JSON object: `payload` for text, `payloadBase64` for anything else. */
export function payloadFields(payload: Uint8Array): Record<string, string> {
  const text = asText(payload)
  if (text !== undefined) return { payload: text }
  return { payloadBase64: Buffer.from(payload).toString('base64') }
}
