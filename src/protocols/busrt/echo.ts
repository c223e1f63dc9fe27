/**
 * The method `benchmark.test` of `.broker`, which answers with its parameters (spec/busrt 5.1). Every comparison of
 * brokers asks it hundreds of thousands of times a second, so it is recognised and answered in place.
 */

import { rpcKinds } from '../../wire/busrt/rpc.ts'

/** A request for it up to its parameters; the call id stands in bytes 1 to 4. */
const head = Uint8Array.of(
  rpcKinds.request,
  0,
  0,
  0,
  0,
  ...new TextEncoder().encode('benchmark.test'),
  0,
)
const replyHeadBytes = 5
const answer = new Uint8Array(16_384)

/** Holds the last answer: the name it goes to, and behind it the reply. */
export const echo = { bytes: answer, nameEnd: 0, end: 0 }

/**
 * Makes the answer if `bytes[start..end)` is a request for the method that wants one, and is not large.
 * False: it must be looked at as any other.
 */
export function answerEcho(
  target: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const params = start + head.length
  const length = target.length + replyHeadBytes + (end - params)
  if (end < params || length > answer.length || !isEcho(bytes, start)) return false
  let at = 0
  for (; at < target.length; at++) answer[at] = target[at] as number
  echo.nameEnd = at
  answer[at++] = rpcKinds.reply
  for (let i = start + 1; i < start + replyHeadBytes; i++) answer[at++] = bytes[i] as number
  // Below this a loop is faster than making the view that a block copy needs.
  if (end - params <= 32) for (let i = params; i < end; i++) answer[at++] = bytes[i] as number
  else answer.set(bytes.subarray(params, end), at)
  echo.end = length
  return true
}

function isEcho(bytes: Uint8Array, start: number): boolean {
  if (bytes[start] !== rpcKinds.request) return false
  for (let i = replyHeadBytes; i < head.length; i++) if (bytes[start + i] !== head[i]) return false
  // Id 0 wants no reply.
  for (let i = 1; i < replyHeadBytes; i++) if (bytes[start + i] !== 0) return true
  return false
}
