/**
 * Finds the frames of one WebSocket message where they stand. Bodies are not looked at and nothing is built; what a
 * kind of frame means, and whether it may come now, is for the two ends to know.
 */

import { ProtocolError } from '../../model/errors.ts'
import { sharedMessageBytes } from './tunnel-frame.ts'

/** One frame; its body is `bytes[start..end)` of the message. */
export type OnFrame = (kind: number, call: number, start: number, end: number) => void

/** Longest number: 2^53-1 needs eight bytes of seven bits. */
const varintBytesMost = 8

// Where `readVarint` stopped: it has two results, and is called for every frame.
let position = 0

/**
 * Calls `onFrame` for each frame of `bytes[0..length)`, in order.
 * @throws ProtocolError when the frames do not fill the message exactly; those before the fault were handed on. And
 *   whatever `onFrame` throws.
 */
export function decodeFrames(bytes: Uint8Array, length: number, onFrame: OnFrame): void {
  if (length === 0) throw new ProtocolError('a WebSocket message without a frame')
  let at = 0
  while (at < length) {
    const kind = bytes[at] ?? 0
    const call = readVarint(bytes, at + 1, length)
    const bodyBytes = readVarint(bytes, position, length)
    const start = position
    const end = start + bodyBytes
    if (end > length) throw new ProtocolError('a frame ends beyond its WebSocket message')
    if (length > sharedMessageBytes && (at > 0 || end < length)) {
      throw new ProtocolError(`${length} bytes of several frames, limit ${sharedMessageBytes}`)
    }
    onFrame(kind, call, start, end)
    at = end
  }
}

function readVarint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  let factor = 1
  for (let i = 0; i < varintBytesMost; i++) {
    if (at + i >= length) throw new ProtocolError('the head of a frame is cut short')
    const byte = bytes[at + i] ?? 0
    value += (byte & 0x7f) * factor
    factor *= 128
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) break
      position = at + i + 1
      return value
    }
  }
  throw new ProtocolError('a number in the head of a frame is too large')
}
