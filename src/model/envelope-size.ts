/**
 * How large a message is when one daemon hands it to another: the bytes of a msgbus.v1
 * FetchResponse that carries it (spec/msgbus-v1 1.1, 2.4). What is accepted must fit there, or
 * replicas could never fetch it (defect L18).
 */

import type { OutgoingMessage } from './message.ts'
import { utf8Length } from './name.ts'
import type { NodeId } from './node-id.ts'

// A 36-byte id, and head id and creation time at the eight bytes that a safe integer takes at most.
const idBytes = 2 + 36
const numberBytes = 2 * (1 + 8)

/** Exact but for the head id and the time, which are taken at their largest. */
export function envelopeSize(message: OutgoingMessage, origin: NodeId): number {
  const node = field(origin.tenantId) + field(origin.blName) + field(origin.deviceId)
  let size = idBytes + numberBytes + field(message.topic) + wrapped(node)
  if (message.payload.length > 0) size += wrapped(message.payload.length)
  for (const [key, value] of message.headers) size += wrapped(entry(key) + entry(value))
  return wrapped(size)
}

const field = (text: string) => (text === '' ? 0 : wrapped(utf8Length(text)))
// Both members of a map entry are always written.
const entry = (text: string) => wrapped(utf8Length(text))

/** One tag byte, the length as a varint, and the content. */
function wrapped(bytes: number): number {
  let size = 2 + bytes
  for (let rest = bytes; rest > 0x7f; rest = Math.floor(rest / 128)) size += 1
  return size
}
