/**
 * What the bytes of BUS/RT services are, by the rules of its tools (spec/busrt 9.3): text without low
 * control characters is text, or JSON when it is an object or a list; everything else is MessagePack
 * when it decodes as that.
 */

import { msgpack } from '../../client/busrt/index.ts'
import { jsonText } from '../json-text.ts'
import { asText, escapeControls, formatPayload } from '../payload-text.ts'

/** `none`: there are no bytes. Only in `text` and `base64` is `value` surely a text. */
export interface RpcPayload {
  readonly encoding: 'none' | 'text' | 'json' | 'msgpack' | 'base64'
  readonly value: unknown
}

/** Tab and what follows are text; bytes below are a sign of MessagePack. */
const firstTextByte = 0x09

const bigints = msgpack({ bigints: true })

export function readRpcPayload(payload: Uint8Array): RpcPayload {
  if (payload.length === 0) return { encoding: 'none', value: null }
  const text = payload.every((byte) => byte >= firstTextByte) ? asText(payload) : undefined
  if (text !== undefined) return readText(text)
  try {
    return { encoding: 'msgpack', value: bigints.decode(payload) }
  } catch {
    // Anything may be in a payload; that is the answer.
    return { encoding: 'base64', value: Buffer.from(payload).toString('base64') }
  }
}

function readText(text: string): RpcPayload {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { encoding: 'json', value }
  } catch {
    // Text that is no JSON.
  }
  return { encoding: 'text', value: text }
}

/**
 * For people.
 * @param indent of a level of JSON; empty: all of it on one line, text too
 */
export function formatRpcPayload(payload: Uint8Array, indent = ''): string {
  const { encoding, value } = readRpcPayload(payload)
  switch (encoding) {
    case 'none':
      return ''
    case 'base64':
      return formatPayload(payload)
    case 'text':
      return indent === ''
        ? escapeControls(String(value))
        : String(value).split('\n').map(escapeControls).join('\n')
    case 'json':
    case 'msgpack':
      return jsonText(value, indent)
  }
}
