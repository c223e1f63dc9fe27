/**
 * Headers of messages as headers of HTTP. A message header `name` is the HTTP header `msgbus-header-name`, and
 * `content-type` is itself. HTTP has no case in names and only visible ASCII in values, so what does not fit is
 * percent-encoded UTF-8, as CloudEvents encodes its attributes (HTTP binding 1.0.2, 3.1.3.2).
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Headers } from '../../model/message.ts'

const prefix = 'msgbus-header-'
export const contentTypeHeader = 'content-type'
/** Says nothing about the payload, so it is not kept. */
export const plainBytes = 'application/octet-stream'
/** What programs send when nobody told them what the body is: `curl -d`. */
const formType = 'application/x-www-form-urlencoded'

/** Those of the message that a request carries; a new map. */
export function messageHeadersOf(headers: IncomingHttpHeaders): Map<string, string> {
  const found = new Map<string, string>()
  const type = headers[contentTypeHeader]
  if (type !== undefined && type !== plainBytes && type !== formType) {
    found.set(contentTypeHeader, type)
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(prefix) || value === undefined) continue
    const text = Array.isArray(value) ? value.join(', ') : value
    found.set(decodeHeaderText(name.slice(prefix.length)), decodeHeaderText(text))
  }
  return found
}

/** The other way round, for the answer to a call. */
export function toHttpHeaders(headers: Headers): OutgoingHttpHeaders {
  const http: Record<string, string> = {}
  for (const [name, value] of headers) {
    const key = name === contentTypeHeader ? name : `${prefix}${encode(name, isPlainInName)}`
    // Blanks at the ends would get lost on the way.
    http[key] = encode(value, isPlainInValue).replaceAll(/^ +| +$/g, encodeURIComponent)
  }
  http[contentTypeHeader] ??= plainBytes
  return http
}

/** What is not a valid escape, or not UTF-8, is taken as it stands. */
export function decodeHeaderText(text: string): string {
  // Node reads header bytes as Latin-1; what is above ASCII was most likely meant as UTF-8.
  const bytes = Buffer.from(text, 'latin1')
  const plain = bytes.some((byte) => byte > 0x7f) ? bytes.toString() : text
  return plain.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes)
    } catch {
      return escapes
    }
  })
}

/** Letters in lower case, digits and the signs that names of HTTP headers may have (RFC 9110 5.6.2), but for `%`. */
function isPlainInName(character: string): boolean {
  return /^[a-z0-9!#$&'*+.^_`|~-]$/.test(character)
}

/** Visible ASCII and blanks, but for `%`. */
function isPlainInValue(character: string): boolean {
  return /^[ !-$&-~]$/.test(character)
}

function encode(text: string, isPlain: (character: string) => boolean): string {
  let encoded = ''
  for (const character of text.replace(/\p{Surrogate}/gu, '\ufffd')) {
    encoded += isPlain(character) ? character : percent(character)
  }
  return encoded
}

function percent(character: string): string {
  let escapes = ''
  for (const byte of Buffer.from(character)) {
    escapes += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escapes
}
