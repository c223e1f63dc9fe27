/** Standard base64 with padding, as WAMP writes binary in JSON (spec/wamp 5.2). */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0))
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) values[codes[i] as number] = i
const ascii = new TextDecoder('latin1')

export function encodeBase64(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  let to = 0
  for (let i = 0; i < bytes.length; i += 3) {
    const second = bytes[i + 1]
    const third = bytes[i + 2]
    const bits = ((bytes[i] as number) << 16) | ((second ?? 0) << 8) | (third ?? 0)
    out[to++] = codes[bits >> 18] as number
    out[to++] = codes[(bits >> 12) & 63] as number
    out[to++] = second === undefined ? 0x3d : (codes[(bits >> 6) & 63] as number)
    out[to++] = third === undefined ? 0x3d : (codes[bits & 63] as number)
  }
  return ascii.decode(out)
}

/** Undefined: it is not base64, or not in its one form. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const out = new Uint8Array((text.length / 4) * 3 - padding)
  const digits = text.length - padding
  let bits = 0
  let to = 0
  for (let i = 0; i < text.length; i++) {
    const value = i < digits ? (values[text.charCodeAt(i)] ?? -1) : 0
    if (value < 0) return undefined
    bits = (bits << 6) | value
    if (i % 4 !== 3) continue
    for (let shift = 16; shift >= 0 && to < out.length; shift -= 8)
      out[to++] = (bits >> shift) & 0xff
    // What is behind the last octet must be zero.
    if (i === text.length - 1 && padding > 0 && (bits & (padding === 2 ? 0xffff : 0xff)) !== 0) {
      return undefined
    }
    bits = 0
  }
  return out
}
