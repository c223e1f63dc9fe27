/**
 * A payload is bytes; people want to see text, JSON or hex, and to type one of them. Everything here turns bytes into
 * plain text and text into bytes; what is shown goes into text nodes only.
 */

export const payloadForms = ['text', 'json', 'hex'] as const
export type PayloadForm = (typeof payloadForms)[number]

const decoder = new TextDecoder('utf-8', { fatal: true })
const lenientDecoder = new TextDecoder()
const encoder = new TextEncoder()

// Laying out more takes the browser longer than people wait.
const maxJsonBytes = 1_048_576
const maxShownBytes = 262_144
const maxHexBytes = 16_384

/** The form that says most about these bytes. */
export function bestForm(payload: Uint8Array): PayloadForm {
  const text = strictText(payload)
  if (text === undefined) return 'hex'
  return /^\s*[[{]/.test(text) && prettyJson(payload) !== undefined ? 'json' : 'text'
}

/** The bytes as text; undefined when they are not UTF-8, or have control characters as only binary data has. */
function strictText(payload: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(payload)
    // oxlint-disable-next-line no-control-regex -- these characters are what is looked for
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text
  } catch {
    // Not UTF-8: that is the answer.
    return undefined
  }
}

/** JSON with two spaces; undefined when the payload is none, or too large for it. */
export function prettyJson(payload: Uint8Array): string | undefined {
  if (payload.length > maxJsonBytes) return undefined
  try {
    return JSON.stringify(JSON.parse(decoder.decode(payload)), null, 2)
  } catch {
    // Neither UTF-8 nor JSON: that is the answer.
    return undefined
  }
}

export interface ShownPayload {
  readonly text: string
  /** Bytes of the payload that `text` does not show. */
  readonly hiddenBytes: number
}

/** The payload in this form; where that cannot be, as text with U+FFFD. */
export function showPayload(payload: Uint8Array, form: PayloadForm): ShownPayload {
  if (form === 'hex') {
    const shown = payload.subarray(0, maxHexBytes)
    return { text: hexDump(shown), hiddenBytes: payload.length - shown.length }
  }
  const shown = payload.subarray(0, maxShownBytes)
  const json = form === 'json' ? prettyJson(payload) : undefined
  if (json !== undefined) return { text: json, hiddenBytes: 0 }
  return { text: lenientDecoder.decode(shown), hiddenBytes: payload.length - shown.length }
}

/** One line for lists, at most `length` characters; what is no text comes as hex. */
export function previewPayload(payload: Uint8Array, length = 160): string {
  // A character has at most four bytes; one that is cut in two is left out, so there is one more.
  const head = payload.subarray(0, (length + 1) * 4)
  const whole = head.length === payload.length ? head : withoutCutCharacter(head)
  const text = strictText(whole)
  if (text !== undefined) return Array.from(text.replace(/\s+/g, ' ')).slice(0, length).join('')
  return [...payload.subarray(0, length / 3)].map(hexByte).join(' ')
}

function withoutCutCharacter(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  // Back over what continues a character, then over its first byte.
  while (end > 0 && end > bytes.length - 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1
  return (bytes[end - 1] ?? 0) >= 0xc0 ? bytes.subarray(0, end - 1) : bytes
}

/** Lines of sixteen bytes: position, hex, and what of it is printable. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const left = row.slice(0, 8).map(hexByte).join(' ')
    const right = row.slice(8).map(hexByte).join(' ')
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.'))
    const position = at.toString(16).padStart(6, '0')
    lines.push(`${position}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${text.join('')}`)
  }
  return lines.join('\n')
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** What was typed, as bytes. @throws Error with what is wrong, for people */
export function readPayload(text: string, form: PayloadForm): Uint8Array {
  if (form === 'hex') return readHex(text)
  if (form === 'json') checkJson(text)
  return encoder.encode(text)
}

function checkJson(text: string): void {
  try {
    JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`This is not JSON: ${why}`, { cause: error })
  }
}

function readHex(text: string): Uint8Array {
  const digits = text.replace(/0x/gi, '').replace(/[\s,:]/g, '')
  const wrong = /[^0-9a-f]/i.exec(digits)
  if (wrong !== null) throw new Error(`“${wrong[0]}” is not a hexadecimal digit`)
  if (digits.length % 2 === 1) throw new Error('A byte has two hexadecimal digits; one is missing')
  const pairs = digits.match(/../g) ?? []
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16))
}
