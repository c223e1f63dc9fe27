/** The size of a message as limits, retention and `LogInfo.bytes` count it. */

import type { Headers } from './message.ts'
import { utf8Length } from './name.ts'

/** Bytes of payload and headers. */
export function contentBytes(message: {
  readonly payload: Uint8Array
  readonly headers: Headers
}): number {
  let bytes = message.payload.length
  for (const [key, value] of message.headers) bytes += utf8Length(key) + utf8Length(value)
  return bytes
}
