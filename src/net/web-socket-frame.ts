/**
 * Frames of WebSocket as a server writes them (RFC 6455 5.2): whole messages, unmasked. For protocols of many small
 * messages, which put them side by side into one outbox.
 */

import type { Outbox } from './outbox.ts'

export const frameOpcodes = { text: 0x1, binary: 0x2 } as const

/**
 * Puts `bytes[start..end)` as one message into the outbox of a connection that sends `frames`.
 * @param urgent as `Outbox.reserve`
 */
export function writeFrame(
  outbox: Outbox,
  opcode: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  urgent: boolean,
): void {
  const length = end - start
  const headBytes = length < 126 ? 2 : length <= 0xffff ? 4 : 10
  let at = outbox.reserve(headBytes + length, urgent)
  const to = outbox.bytes
  to[at++] = 0x80 | opcode
  if (headBytes === 2) to[at++] = length
  else if (headBytes === 4) {
    to[at++] = 126
    to[at++] = length >>> 8
    to[at++] = length & 0xff
  } else {
    to[at++] = 127
    to.writeBigUInt64BE(BigInt(length), at)
    at += 8
  }
  copy(to, at, bytes, start, end)
}

/** Up to so many bytes a loop is faster than a block copy and the view it needs. */
const loopBytes = 32

function copy(to: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): void {
  if (end - start > loopBytes) to.set(bytes.subarray(start, end), at)
  else for (let i = start, next = at; i < end; i++, next++) to[next] = bytes[i] as number
}
